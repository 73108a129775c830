"""The incident list: what a row says, tabs and filters in the URL, pages that stay where they are."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from aiops.access.actors import Role
from aiops.access.models import Membership
from incidents.choices import Severity
from incidents.models import Incident
from incidents.response.console import paging
from incidents.response.services import incidents as services
from tests.console.conftest import HX, element, page_of
from tests.factories import actor, fire, make_route, make_service, make_user, make_workspace, minutes

pytestmark = pytest.mark.django_db

LIST = "/console/incidents"


def titles(answer) -> list[str]:
    assert answer.status_code == 200, answer.content.decode()[-600:]
    return re.findall(r'class="row-title"[^>]*>([^<]*)<', answer.content.decode())


def count_on(answer, key: str) -> int:
    return int(re.search(rf'data-count="{key}"\s+data-value="(\d+)"', answer.content.decode())[1])


class TestRows:
    def test_a_row_says_what_where_since_when_who_and_what_next(self, browser, ana, opened, workspace):
        incident = opened(
            "Checkout errors", severity=Severity.HIGH, service="checkout", namespace="production", pod="checkout-6c9f"
        )
        page = browser(ana).get(LIST).content.decode()
        row = page[page.index(f'id="row-{incident.public_id}"') :].split("</li>")[0]
        assert incident.name in row
        assert "checkout · production · checkout-6c9f" in row
        assert 'aria-label="High"' in row
        assert 'data-status="open"' in row
        assert "×1" in row
        assert incident.created_at.strftime("%Y-%m-%dT%H:%M:%SZ") in row
        assert "nobody" in row
        assert re.search(r'class="next late">.*P2.*nobody is paged', row)

        services.acknowledge(
            actor=actor(workspace, label="Ana Moreau"), incident_id=incident.pk, now=incident.created_at
        )
        row = browser(ana).get(LIST).content.decode().split(f'id="row-{incident.public_id}"')[1].split("</li>")[0]
        assert "Ana Moreau" in row
        assert 'data-status="acknowledged"' in row

    def test_an_empty_list_is_calm(self, browser, ana):
        assert "All calm" in browser(ana).get(LIST).content.decode()
        assert "No incident fits these filters" in browser(ana).get(LIST, {"severity": "high"}).content.decode()

    def test_what_a_signal_says_is_never_markup(self, browser, ana, opened):
        hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
        opened(hostile, service=hostile, namespace=hostile, pod=hostile, source=hostile)
        page = browser(ana).get(LIST, {"q": hostile[:20]}).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    def test_others_see_nothing_of_it(self, browser, stranger, opened):
        opened()
        answer = browser(stranger).get(LIST)
        assert titles(answer) == []
        assert count_on(answer, "live") == 0

    def test_the_workspace_is_named_where_there_are_several(self, browser, ana, opened, workspace):
        other = make_workspace("Elsewhere")
        Membership.objects.create(user=ana, workspace=other, role=Role.VIEWER.value)
        opened()
        assert "Elsewhere ·" not in browser(ana).get(LIST).content.decode()
        fire(make_route(other), title="There")
        page = browser(ana).get(LIST).content.decode()
        assert "Elsewhere ·" in page
        assert f"{workspace.name} ·" in page

    def test_times_are_in_the_zone_of_the_reader(self, browser, ana, opened, now):
        ana.time_zone = "Asia/Kathmandu"  # UTC+5:45
        ana.save()
        opened()
        local = (now + timedelta(hours=5, minutes=45)).strftime("%-d %b %H:%M")
        assert local in browser(ana).get(LIST).content.decode()


class TestTabs:
    @pytest.fixture
    def one_of_each(self, opened, workspace, now):
        who = actor(workspace, label="Ana Moreau")
        _plain, snoozed, ended, closed, taken = (
            opened(name) for name in ("plain", "snoozed", "ended", "closed", "taken")
        )
        services.snooze(actor=who, incident_id=snoozed.pk, now=now, duration=timedelta(hours=1))
        services.resolve(actor=who, incident_id=ended.pk, now=now)
        services.close(actor=who, incident_id=closed.pk, now=now)
        services.acknowledge(actor=who, incident_id=taken.pk, now=now)

    @pytest.mark.parametrize(
        ("view", "expected"),
        [
            ("", ["taken", "snoozed", "plain"]),
            ("live", ["taken", "snoozed", "plain"]),
            ("waiting", ["plain"]),
            ("mine", ["taken"]),
            ("snoozed", ["snoozed"]),
            ("ended", ["closed", "ended"]),
            ("all", ["taken", "closed", "ended", "snoozed", "plain"]),
        ],
    )
    def test_a_tab_shows_its_own(self, browser, ana, one_of_each, view, expected):
        assert titles(browser(ana).get(LIST, {"view": view})) == expected

    def test_the_counts_are_those_of_the_tabs(self, browser, ana, one_of_each):
        client = browser(ana)
        answer = client.get(LIST)
        for view in ("live", "mine", "snoozed"):
            assert count_on(answer, view) == len(titles(client.get(LIST, {"view": view})))
        assert count_on(answer, "need_someone") == len(titles(client.get(LIST, {"view": "waiting"})))

    def test_mine_is_what_was_given_to_me_even_if_somebody_else_took_it(self, browser, ana, opened, workspace, now):
        given, taken_from_me = opened("given"), opened("taken from me")
        bo = make_user("bo", workspace)
        services.assign(actor=actor(workspace), incident_id=given.pk, now=now, assignee=ana)
        services.acknowledge(actor=actor(workspace, label="Ana Moreau"), incident_id=taken_from_me.pk, now=now)
        services.assign(actor=actor(workspace), incident_id=taken_from_me.pk, now=now, assignee=bo)
        assert titles(browser(ana).get(LIST, {"view": "mine"})) == ["given"]
        assert titles(browser(bo).get(LIST, {"view": "mine"})) == ["taken from me"]


class TestFilters:
    @pytest.fixture
    def several(self, opened, workspace, now):
        make_service(workspace, "billing")
        opened("old info", now - timedelta(days=3), severity=Severity.INFO, service="billing", namespace="prod")
        opened("disk full", now - timedelta(hours=2), severity=Severity.HIGH, resource_kind="Node", resource_name="n1")
        opened("new critical", now - minutes(1), severity=Severity.CRITICAL, service="billing", pod="web-1")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("severity=critical", ["new critical"]),
            ("severity=critical&severity=high", ["new critical", "disk full"]),
            ("severity=critical,info", ["new critical", "old info"]),
            ("service=Billing", ["new critical", "old info"]),
            ("last=15m", ["new critical"]),
            ("last=4h", ["new critical", "disk full"]),
            ("last=7d", ["new critical", "disk full", "old info"]),
            ("status=open&severity=high", ["disk full"]),
            ("status=acknowledged", []),
            ("namespace=prod", ["old info"]),
            ("resource=Node/n1", ["disk full"]),
            ("q=disk", ["disk full"]),
            ("q=CRITICAL web-1", ["new critical"]),
            ("q=nothing", []),
            ("severity=&status=&q=&last=", ["new critical", "disk full", "old info"]),
        ],
    )
    def test_each_narrows_the_list(self, browser, ana, several, query, expected):
        assert titles(browser(ana).get(f"{LIST}?{query}")) == expected

    def test_a_time_range(self, browser, ana, several, now):
        query = {
            "from": f"{now - timedelta(days=4):%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        }
        assert titles(browser(ana).get(LIST, query)) == ["disk full", "old info"]

    @pytest.mark.parametrize("reference", ["public_id", "name"])
    def test_the_search_finds_an_id_and_a_name(self, browser, ana, several, reference):
        incident = Incident.objects.get(title="disk full")
        assert titles(browser(ana).get(LIST, {"q": getattr(incident, reference), "view": "all"})) == ["disk full"]

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("severity=terrible", "severity"), ("status=gone", "status"), ("view=wall", "view"), ("sort=random", "sort"),
            ("team=Payments", "team"), ("label=team=payments", "label"), ("assignee=3", "assignee"),
            ("Severity=high", "Severity"),
            ("service=a&service=b", "service"), ("snoozed=maybe", "snoozed"),
            ("last=1y", "last"), ("from=yesterday", "from"), ("after=!!", "after"), ("before=e30", "before"), ("q=%00", "q"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_named(self, browser, ana, query, name):
        answer = browser(ana).get(f"{LIST}?{query}")
        assert answer.status_code == 400
        assert name in answer.content.decode()

    def test_the_page_shows_what_was_chosen(self, browser, ana, several):
        page = (
            browser(ana)
            .get(f"{LIST}?severity=high&status=open&service=billing&last=4h&sort=severity&q=disk")
            .content.decode()
        )
        assert re.search(r'value="high"\s+aria-label="High"\s+checked', page)
        assert re.search(r'name="status"\s+value="open"\s+checked', page)
        assert re.search(r"<option selected>billing", page)
        assert re.search(r'<option value="4h"\s+selected', page)
        assert re.search(r'<option value="severity"\s+selected', page)
        assert "Clear filters" in page

    def test_tabs_keep_the_filters_and_drop_the_page(self, browser, ana, several):
        page = browser(ana).get(f"{LIST}?severity=high&status=open&sort=severity").content.decode()
        assert "/console/incidents?severity=high&amp;sort=severity&amp;view=ended" in page


class TestOrder:
    @pytest.fixture
    def three(self, opened, now):
        opened("first", now - minutes(30), severity=Severity.LOW, dedup_key="a")
        opened("second", now - minutes(20), severity=Severity.CRITICAL)
        opened("third", now - minutes(10), severity=Severity.LOW)
        opened("first", now, dedup_key="a")  # seen again

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("", ["third", "second", "first"]),
            ("newest", ["third", "second", "first"]),
            ("oldest", ["first", "second", "third"]),
            ("severity", ["second", "third", "first"]),
            ("seen", ["first", "third", "second"]),
        ],
    )
    def test_each_order(self, browser, ana, three, sort, expected):
        Incident.objects.filter(title="first").update(severity=Severity.LOW)
        assert titles(browser(ana).get(LIST, {"sort": sort})) == expected


class TestPages:
    @pytest.fixture
    def many(self, opened, now, monkeypatch):
        monkeypatch.setattr(paging.page_of, "__kwdefaults__", {"after": "", "before": "", "size": 3})
        for n in range(8):
            opened(f"n{n}", now - minutes(10 - n), severity=Severity.HIGH if n % 2 else Severity.LOW)

    def neighbours(self, answer) -> dict[str, str]:
        return {
            rel: href.replace("&amp;", "&")
            for href, rel in re.findall(r'href="([^"]*)"\s+rel="(\w+)"', answer.content.decode())
        }

    @pytest.mark.parametrize("sort", paging.SORTS)
    def test_forwards_through_all_and_back_again(self, browser, ana, many, sort):
        client, url, seen = browser(ana), f"{LIST}?sort={sort}", []
        while url and len(seen) < 9:
            answer = client.get(url)
            seen.append(titles(answer))
            url = self.neighbours(answer).get("next", "")
        assert [len(page) for page in seen] == [3, 3, 2]
        assert sorted(title for page in seen for title in page) == [f"n{n}" for n in range(8)]
        back = [titles(answer)]
        while (url := self.neighbours(answer).get("prev", "")) and len(back) < 9:
            answer = client.get(url)
            back.append(titles(answer))
        assert back == seen[::-1]

    def test_a_page_stays_when_new_ones_come_and_old_ones_go(self, browser, ana, many, opened, workspace, now):
        client = browser(ana)
        second = self.neighbours(client.get(LIST))["next"]
        assert titles(client.get(second)) == ["n4", "n3", "n2"]
        opened("newer")
        gone = Incident.objects.get(title="n6")
        services.resolve(actor=actor(workspace), incident_id=gone.pk, now=now)
        assert titles(client.get(second)) == ["n4", "n3", "n2"]

    def test_a_cursor_belongs_to_its_order(self, browser, ana, many):
        cursor = self.neighbours(browser(ana).get(LIST))["next"]
        answer = browser(ana).get(f"{cursor}&sort=severity")
        assert answer.status_code == 400
        assert "no cursor of this list" in answer.content.decode()

    def test_one_page_needs_no_pager(self, browser, ana, opened):
        opened()
        assert self.neighbours(browser(ana).get(LIST)) == {}


class TestFragments:
    def test_a_fragment_is_what_its_page_includes(self, browser, ana, opened):
        opened()
        client = browser(ana)
        page, fragment = client.get(LIST).content.decode(), client.get(LIST, headers=HX).content.decode()
        assert "<html" not in fragment
        for name in ("board", "tabs", "summary", "messages"):
            assert element(fragment, name) == element(page, name)

    def test_the_board_holds_nothing_of_the_person(self, browser, ana, viewer, opened):
        opened()

        def board(user):
            return element(browser(user).get(LIST).content.decode(), "board")

        assert board(ana) == board(viewer)

    def test_pages_are_never_kept_by_a_browser(self, browser, ana):
        answer = browser(ana).get(LIST)
        assert "no-store" in answer["Cache-Control"]
        assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize("path", [LIST, "/console", f"{LIST}?view=all&sort=severity&q=n"])
def test_the_number_of_queries_does_not_grow_with_the_rows(browser, ana, opened, path, django_assert_max_num_queries):
    client = browser(ana)
    for count in (3, 47):
        for n in range(count):
            opened(f"n{n}")
        with django_assert_max_num_queries(24):
            client.get(path)


class TestRoles:
    def test_an_operator_may_act_on_what_is_selected(self, browser, ana, opened):
        opened()
        page = browser(ana).get(LIST).content.decode()
        assert "data-operator" in page
        assert 'id="bulk"' in page
        assert "/console/incidents/new" in page

    def test_a_viewer_may_not(self, browser, viewer, opened):
        opened()
        page = browser(viewer).get(LIST).content.decode()
        assert "data-operator" not in page
        assert 'id="bulk"' not in page
        assert "/console/incidents/new" not in page


def test_a_row_leads_to_its_page(browser, ana, opened):
    incident = opened()
    page = browser(ana).get(LIST).content.decode()
    assert f'href="{page_of(incident)}"' in page


class TestHeldRows:
    """A list that is held still asks how rows are that newer ones pushed off its page."""

    def still(self, client, query: str, *incidents) -> dict[str, bool]:
        ids = "&".join(f"id={incident.public_id}" for incident in incidents)
        page = client.get(f"{LIST}/still?{query}&{ids}")
        assert page.status_code == 200, page.content.decode()[-300:]
        found = re.findall(r'class="row( is-gone)?"\s+id="row-([\w-]+)"', page.content.decode())
        return {identifier: bool(gone) for gone, identifier in found}

    def test_what_is_in_the_view_is_not_gone_wherever_it_stands(self, browser, ana, opened, workspace, now):
        kept, taken = opened("kept"), opened("taken")
        for n in range(60):
            opened(f"new {n}")
        services.acknowledge(actor=actor(workspace, label="Bo"), incident_id=taken.pk, now=now)
        client = browser(ana)
        assert self.still(client, "view=waiting", kept, taken) == {kept.public_id: False, taken.public_id: True}
        assert self.still(client, "view=live", kept, taken) == {kept.public_id: False, taken.public_id: False}
        page = client.get(f"{LIST}/still?view=waiting&id={taken.public_id}").content.decode()
        assert 'data-status="acknowledged"' in page
        assert "Bo" in page

    def test_of_others_nothing_is_said_and_junk_is_nothing(self, browser, ana, stranger, opened):
        incident = opened()
        assert self.still(browser(stranger), "view=all", incident) == {}
        assert browser(ana).get(f"{LIST}/still?id=x&id=inc-ffffffffffff").status_code == 200
        assert browser(ana).get(f"{LIST}/still?nonsense=1").status_code == 400
