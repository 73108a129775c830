"""The overview, dead letters, and the pages for what went wrong."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from aiops.access.actors import Role
from aiops.access.models import Membership, User
from aiops.console import views
from aiops.console.context import Shell
from aiops.console.middleware import SecurityHeadersMiddleware
from aiops.console.overview import opened_by_hour
from aiops.console.templatetags import ui
from incidents.choices import Severity, SourceKind
from incidents.models import DeadLetter
from incidents.response.services import incidents as services
from notifications.escalation.selectors.people import reachable
from notifications.models import Destination, Provider
from tests.console.conftest import HX, element
from tests.factories import actor, make_service, make_user, make_workspace, minutes


@pytest.mark.django_db
class TestOverview:
    def test_what_is_open_by_severity_and_service_and_what_needs_someone(self, browser, ana, opened, workspace, now):
        make_service(workspace, "idle")
        worst = opened("worst", severity=Severity.CRITICAL)
        taken = opened("taken", severity=Severity.HIGH)
        over = opened("over", severity=Severity.LOW)
        who = actor(workspace, label="Ana Moreau")
        services.acknowledge(actor=who, incident_id=taken.pk, now=now)
        services.resolve(actor=who, incident_id=over.pk, now=now)
        page = browser(ana).get("/console").content.decode()
        shown = dict(re.findall(r'data-count="(\w+)"\s+data-value="(\d+)"', element(page, "overview")))
        assert shown == {"need_someone": "1", "live": "2", "snoozed": "0"}
        waiting, ended = page.index('id="waiting-title"'), page.index('id="ended-title"')
        assert waiting < page.index(f'id="row-{worst.public_id}"') < ended < page.index(f'id="row-{over.public_id}"')
        assert f'id="row-{taken.public_id}"' not in page
        assert re.search(r'href="/console/incidents\?severity=critical".*?data-value="1"', page, re.DOTALL)
        assert "3 in 24 h" in page

    def test_of_other_workspaces_nothing(self, browser, stranger, opened):
        opened("secret")
        page = browser(stranger).get("/console").content.decode()
        assert "secret" not in page
        assert "All calm" in page

    def test_the_worst_comes_first_and_among_equals_who_waits_longest(self, browser, ana, opened, now):
        for title, ago, severity in (("b", 5, Severity.HIGH), ("a", 1, Severity.CRITICAL), ("c", 1, Severity.HIGH)):
            opened(title, now - minutes(ago), severity=severity)
        page = browser(ana).get("/console").content.decode()
        assert re.findall(r'class="row-title"[^>]*>(\w)<', page) == ["a", "b", "c"]

    def test_a_fragment_is_what_its_page_includes(self, browser, ana, opened):
        opened()
        client = browser(ana)
        page, fragment = (client.get("/console", headers=headers).content.decode() for headers in ({}, HX))
        assert element(page, "overview") == element(fragment, "overview")

    def test_hours_are_those_of_the_last_day(self, opened, workspace, now):
        for hours in (0, 1, 1, 30):
            opened(at=now - timedelta(hours=hours))
        counts = [hour.count for hour in opened_by_hour(actor(workspace), now)]
        assert (len(counts), counts[-1], counts[-2], sum(counts)) == (24, 1, 2, 3)


@pytest.mark.django_db
class TestSetUp:
    """Before the first page: who can be reached, and what is missing."""

    @pytest.fixture
    def shown(self, browser, ana):
        def look() -> str:
            cache.clear()
            page = browser(ana).get("/console").content.decode()
            return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))

        return look

    def test_it_counts_people_and_names_what_is_missing(self, shown, ana, viewer, workspace, settings):
        User.objects.filter(pk=ana.pk).update(email="ana@example.com")
        said = shown()
        assert "Reaches people 0 of 1" in said
        assert "Ana Moreau has ana@example.com, but no mail server is set up" in said
        assert "Mail server not set up" in said
        assert "Web push not set up" in said
        settings.AIOPS_SMTP_URL = "smtp://127.0.0.1:25?from=noc@example.com"
        assert "Before the first page" not in shown()

    def test_no_address_is_said_as_such(self, shown, ana):
        User.objects.filter(pk=ana.pk).update(email="")
        assert "Ana Moreau has no destination and no e-mail address" in shown()

    def test_a_phone_without_an_account_reaches_nobody(self, shown, ana, now):
        Destination.objects.create(owner=ana, kind="sms", label="+1", verified_at=now)
        assert "Reaches people 0 of 1" in shown()
        assert "no SMS account is set up" in shown()

    def test_a_browser_that_takes_pushes_is_enough(self, shown, ana, workspace, now):
        Provider.objects.create(
            workspace=workspace, kind="webpush", name="Console", is_default=True, settings_sealed=""
        )
        Destination.objects.create(owner=ana, kind="webpush", label="Chromium", verified_at=now)
        assert "Before the first page" not in shown()

    def test_of_other_workspaces_nothing(self, shown, stranger, ana):
        assert "stranger" not in shown()

    def test_many_people_cost_as_many_queries_as_one(self, workspace, ana, now):
        def cost() -> int:
            cache.clear()
            with CaptureQueriesContext(connection) as captured:
                reachable(actor(workspace), now)
            return len(captured)

        one = cost()
        for n in range(20):
            make_user(f"person{n}", workspace, Role.OPERATOR)
        assert cost() == one


@pytest.mark.django_db
class TestDeadLetters:
    @pytest.fixture
    def letter(self, workspace, now):
        return DeadLetter.objects.create(
            workspace=workspace, source_kind=SourceKind.WEBHOOK, received_at=now, content_type="text/plain",
            error="title must be a non-blank text", field="title", raw=b"<b>\xff</b>",
        )  # fmt: skip

    def test_what_could_not_be_read_and_why(self, browser, ana, letter):
        page = browser(ana).get("/console/dead-letters").content.decode()
        assert "title must be a non-blank text" in page
        assert "&lt;b&gt;\ufffd&lt;/b&gt;" in page

    def test_of_other_workspaces_nothing(self, browser, ana, stranger, letter):
        assert "non-blank" not in browser(stranger).get("/console/dead-letters").content.decode()
        other = make_workspace()
        Membership.objects.create(user=ana, workspace=other, role=Role.VIEWER.value)
        DeadLetter.objects.filter(pk=letter.pk).update(workspace=other)
        assert "non-blank" not in browser(ana).get("/console/dead-letters").content.decode()

    def test_a_viewer_may_not(self, browser, viewer, letter):
        assert browser(viewer).get("/console/dead-letters").status_code == 403
        assert "/console/dead-letters" not in browser(viewer).get("/console").content.decode()


class TestProblems:
    @pytest.mark.parametrize(
        ("view", "code"),
        [
            (views.bad_request, 400), (views.forbidden, 403), (views.not_found, 404), (views.csrf_failure, 403),
            (views.server_error, 500),
        ],
    )  # fmt: skip
    def test_they_have_the_same_look_and_need_no_database(self, view, code):
        answer = view(RequestFactory().get("/nowhere"))
        assert answer.status_code == code
        assert "Back to the console" in answer.content.decode()


class TestPolicy:
    def answer(self, path="/console", content_type="text/html; charset=utf-8", **headers):
        own = HttpResponse("", content_type=content_type, headers=headers)
        return SecurityHeadersMiddleware(lambda request: own)(RequestFactory().get(path))

    def test_pages_load_and_run_only_what_is_ours(self):
        policy = self.answer()["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy

    def test_what_is_no_page_runs_nothing_and_is_kept_by_nobody(self):
        answer = self.answer(content_type="application/json")
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer["Cache-Control"] == "no-store"
        assert "Authorization" in answer["Vary"]
        assert self.answer(**{"Cache-Control": "max-age=60"})["Cache-Control"] == "max-age=60"

    def test_what_brings_its_own_policy_is_left_alone(self):
        assert self.answer(**{"Content-Security-Policy": "x"})["Content-Security-Policy"] == "x"

    def test_https_is_remembered_where_it_is_the_public_way(self, settings):
        assert "Strict-Transport-Security" not in self.answer()
        settings.AIOPS_PUBLIC_URL = "https://aiops.example.com"
        assert self.answer()["Strict-Transport-Security"] == "max-age=31536000"

    async def test_the_same_in_an_asynchronous_stack(self):
        async def view(request):
            return HttpResponse("")

        assert "Content-Security-Policy" in await SecurityHeadersMiddleware(view)(RequestFactory().get("/console"))


class TestElements:
    @pytest.mark.parametrize(
        ("name", "letters"),
        [
            ("Ana Moreau", "AM"),
            ("ana", "AN"),
            ("ana.moreau", "AM"),
            ("", "?"),
            ("x", "X"),
            ("webhook:prom", "WE"),
            ("— —", "?"),
        ],
    )
    def test_initials(self, name, letters):
        assert ui.initials(name) == letters

    @pytest.mark.parametrize(
        ("count", "text"),
        [(0, "0"), (999, "999"), (1200, "1.2k"), (18_400, "18k"), (1_400_000, "1.4M"), (99_999, "100k")],
    )
    def test_counts_stay_short(self, count, text):
        assert ui.compact(count) == text

    def test_bars_never_hide_what_is_there(self):
        assert (ui.share(0, 10), ui.share(10, 10), ui.share(1, 100_000), ui.share(0, 0)) == ("0", "100.00", "1.50", "0")

    @pytest.mark.parametrize("level", Severity)
    def test_severity_is_shape_letter_and_word(self, level):
        mark = ui.severity(level)
        assert f'aria-label="{level.label}"' in mark
        assert f"#sev-{level.word}" in mark

    def test_a_file_has_the_fingerprint_of_its_content(self):
        assert re.fullmatch(r"/static/css/tokens\.css\?[0-9a-f]{10}", ui.asset("css/tokens.css"))
        assert ui.asset("css/nowhere.css").endswith("?missing")


def test_the_frame_asks_for_nothing_until_a_template_does(django_assert_num_queries):
    Shell(RequestFactory().get("/"))
