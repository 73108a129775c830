"""Shared destinations, accounts, routes and words: who may, what is told, and that no secret comes back."""

from __future__ import annotations

import pytest

from notifications.choices import ChannelKind
from notifications.models import Delivery, Destination, MessageTemplate, Provider, Route
from tests.factories import make_service, minutes
from tests.notifications_console.conftest import HOSTILE, make_shared
from tests.receivers import Answer

pytestmark = pytest.mark.django_db
HOME = "/console/destinations"
PAGES = ("", "/accounts", "/routes", "/words")


def told(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


class TestDestinations:
    def test_one_is_made_and_a_signing_secret_is_shown_once(self, browser, world, mia):
        client = browser(mia)
        assert "Signed webhook" in client.get(f"{HOME}/new").content.decode()
        data = {"address": f"{world.receivers.webhook.url}/token-1234", "label": "Status page"}
        page = client.post(f"{HOME}/new/webhook", data).content.decode()
        row = Destination.objects.get(label="Status page")
        assert row.secret.startswith("whs_")
        assert row.secret in page
        for path in ("", f"/{row.pk}"):
            later = client.get(HOME + path).content.decode()
            assert row.secret not in later
            assert "token-1234" not in later  # the address of a webhook is a secret too

    def test_a_test_goes_the_real_way_and_says_what_came_of_it(self, browser, world, ana, hook):
        client = browser(ana)
        assert told(client.post(f"{HOME}/{hook.pk}/test", follow=True)) == ["Test to Status page: delivered."]
        assert world.receivers.webhook.requests[-1].json
        assert Delivery.objects.get().state == "delivered"
        world.receivers.webhook.fail(Answer(404))
        (failed,) = told(client.post(f"{HOME}/{hook.pk}/test", follow=True))
        assert failed.startswith("Test to Status page: failed")

    def test_what_is_broken_says_why_and_is_mended(self, browser, world, mia, viv, hook):
        Destination.objects.filter(pk=hook.pk).update(broken_at=world.now, broken_reason="404 Not Found")
        page = browser(viv).get(HOME).content.decode()
        assert "404 Not Found" in page
        assert "Mend" not in page
        assert "Mend</button>" in browser(mia).get(HOME).content.decode()
        browser(mia).post(f"{HOME}/{hook.pk}/mend")
        hook.refresh_from_db()
        assert hook.broken_at is None
        Destination.objects.filter(pk=hook.pk).update(failures=6, open_until=world.now + minutes(3))
        assert "6 failures in a row. Tried again" in browser(mia).get(HOME).content.decode()

    def test_it_is_changed_switched_off_and_removed(self, browser, world, mia, hook):
        client, digest = browser(mia), hook.address_digest
        client.post(f"{HOME}/{hook.pk}", {"label": "Statuspage", "address": ""})
        client.post(f"{HOME}/{hook.pk}/switch", {"enabled": "off"})
        hook.refresh_from_db()
        assert (hook.label, hook.address_digest, hook.enabled) == ("Statuspage", digest, False)
        wrong = client.post(f"{HOME}/{hook.pk}", {"label": "x", "address": "ftp://nowhere"})
        assert wrong.status_code == 422
        assert 'class="error"' in wrong.content.decode()
        asked = client.post(f"{HOME}/{hook.pk}/remove", headers={"Referer": f"http://testserver{HOME}?x=1"})
        assert "Remove it for good?" in asked.content.decode()
        assert f'href="http://testserver{HOME}?x=1"' in asked.content.decode()
        assert Destination.objects.filter(pk=hook.pk).exists()
        client.post(f"{HOME}/{hook.pk}/remove", {"sure": "yes"})
        assert not Destination.objects.filter(pk=hook.pk).exists()

    @pytest.mark.parametrize("kind", ["webpush", "pigeon", "WEBHOOK"])
    def test_other_kinds_are_not_found(self, browser, mia, kind):
        assert browser(mia).get(f"{HOME}/new/{kind}").status_code == 404

    def test_a_kind_without_an_account_says_that_nothing_can_be_sent(self, browser, world, mia):
        assert "Nothing can be sent yet" in browser(mia).get(f"{HOME}/new/telegram").content.decode()


class TestAccounts:
    def test_settings_are_asked_for_saved_and_secrets_never_shown_again(self, browser, world, mia, ana):
        client, token = browser(mia), "xoxb-very-secret-token"
        form = client.get(f"{HOME}/accounts/new/slack").content.decode()
        assert 'name="token"' in form
        assert 'type="password"' in form
        data = {"name": "Acme", "token": token, "signing_secret": "sssh", "is_default": "on"}
        data["base_url"] = "https://slack.example.com/api/"
        assert client.post(f"{HOME}/accounts/new/slack", data).status_code == 302
        account = Provider.objects.get(kind=ChannelKind.SLACK)
        assert account.settings["token"] == token
        for path in ("/accounts", f"/accounts/{account.pk}"):
            page = client.get(HOME + path).content.decode()
            assert token not in page
            assert "sssh" not in page
        assert f"/hooks/slack/{account.hook_key}" in client.get(f"{HOME}/accounts").content.decode()
        assert "slack.example.com" in client.get(f"{HOME}/accounts").content.decode()
        assert "slack.example.com" not in browser(ana).get(f"{HOME}/accounts").content.decode()
        assert account.hook_key not in browser(ana).get(f"{HOME}/accounts").content.decode()
        client.post(f"{HOME}/accounts/{account.pk}", data | {"name": "Acme 2", "token": "", "signing_secret": ""})
        account.refresh_from_db()
        assert (account.name, account.settings["token"]) == ("Acme 2", token)
        client.post(f"{HOME}/accounts/{account.pk}/remove", {"sure": "yes"})
        assert not Provider.objects.filter(pk=account.pk).exists()

    def test_what_is_wrong_is_told_beside_its_field(self, browser, mia):
        data = {
            "name": "Mail",
            "host": "mail.example.com",
            "port": "lots",
            "security": "none",
            "sender": "noc@example.com",
        }
        answer = browser(mia).post(f"{HOME}/accounts/new/email", data)
        assert answer.status_code == 422
        assert "port" in answer.context["form"].errors
        assert browser(mia).post(f"{HOME}/accounts/new/email", {}).status_code in (200, 422)
        assert browser(mia).get(f"{HOME}/accounts/new/log").status_code == 404

    def test_keys_that_we_make_are_not_asked_for(self, browser, world, mia):
        page = browser(mia).get(f"{HOME}/accounts/new/webpush").content.decode()
        assert 'name="contact"' in page
        assert 'name="private_key"' not in page
        browser(mia).post(f"{HOME}/accounts/new/webpush", {"name": "Console", "contact": "mailto:noc@example.com"})
        account = Provider.objects.get(kind=ChannelKind.WEBPUSH)
        assert account.settings["public_key"]
        assert account.settings["private_key"] not in browser(mia).get(f"{HOME}/accounts/{account.pk}").content.decode()


class TestRoutes:
    def form(self, **fields):
        data = {
            "name": "Payments at night",
            "enabled": "on",
            "severities": ["critical"],
            "labels": "team=pay*",
            "zone": "UTC",
        }
        return data | {"begins": "22:00", "ends": "06:00", "days": ["0"], "channels": [], "position": ""} | fields

    def test_a_route_is_made_and_tried_with_a_sample(self, browser, world, mia, viv, hook):
        Route.objects.filter(workspace=world.workspace).delete()
        service = make_service(world.workspace, "checkout-api")
        client = browser(mia)
        answer = client.post(f"{HOME}/routes/new", self.form(destinations=[hook.pk], begins="", ends="", days=[]))
        assert answer.status_code == 302, answer.context["form"].errors
        route = Route.objects.get()
        assert (route.severities, route.labels, route.window) == (["critical"], {"team": "pay*"}, {})
        tried = (
            browser(viv)
            .get(f"{HOME}/routes?severity=critical&service={service.pk}&labels=team=payments")
            .content.decode()
        )
        assert "Taken" in tried
        assert "announced to <b>Status page</b>" in tried
        missed = browser(viv).get(f"{HOME}/routes?severity=low&service={service.pk}").content.decode()
        assert "Not taken: not for severity low" in missed
        assert "announced nowhere" in missed
        assert not Delivery.objects.exists()
        assert "Payments at night" in client.get(f"{HOME}/routes/{route.pk}").content.decode()
        client.post(f"{HOME}/routes/{route.pk}", self.form(destinations=[hook.pk], service=service.pk))
        route.refresh_from_db()
        assert route.service == service
        assert route.window == {"days": [0], "from": "22:00", "to": "06:00", "time_zone": "UTC"}
        client.post(f"{HOME}/routes/{route.pk}/remove")
        assert not Route.objects.exists()

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"name": ""}, "name"), ({"labels": "no pattern"}, "labels"), ({"begins": "late"}, "begins"),
         ({"channels": ["pigeon"]}, "channels"), ({}, "channels"), ({"position": "-1"}, "position"),
         ({"zone": "Mars"}, "begins"), ({"service": "999"}, "service"),
         ({"destinations": ["999999"]}, "destinations"), ({"severities": ["dire"]}, "severities")],
    )  # fmt: skip
    def test_what_is_wrong_is_told_beside_its_field(self, browser, world, mia, change, field):
        answer = browser(mia).post(f"{HOME}/routes/new", self.form(**change))
        assert answer.status_code == 422
        assert field in answer.context["form"].errors

    def test_a_sample_that_cannot_be_read_is_told_so(self, browser, viv):
        page = browser(viv).get(f"{HOME}/routes?severity=dire&service=x").content.decode()
        assert 'class="error"' in page


class TestWords:
    def test_words_are_tried_with_a_real_incident_and_then_kept(self, browser, world, mia, ana):
        incident = world.fire("db")
        client = browser(mia)
        data = {"kind": "sms", "purpose": "page", "subject": "", "body": "{{ incident.name }} burns, {{ level }}"}
        tried = client.post(f"{HOME}/words/new", data | {"do": "preview", "incident": incident.name}).content.decode()
        assert f"{incident.name} burns, Level 1" in tried
        assert not MessageTemplate.objects.exists()
        assert client.post(f"{HOME}/words/new", data).status_code == 302
        template = MessageTemplate.objects.get()
        world.policy({"targets": ["ana"]})
        assert "burns" in client.get(f"{HOME}/words/{template.pk}").content.decode()
        client.post(f"{HOME}/words/{template.pk}/remove", {"sure": "yes"})
        assert not MessageTemplate.objects.exists()

    @pytest.mark.parametrize(
        "body",
        ["{% if %}", "{{ incident.secret }}", "{{ ''.__class__.__mro__ }}", "{% for a in incidents %}", "{{ 1 / 0 }}"],
    )
    def test_what_cannot_be_filled_is_told_and_harms_nothing(self, browser, world, mia, body):
        world.fire("db")
        data = {"kind": "email", "purpose": "page", "subject": "", "body": body, "do": "preview"}
        answer = browser(mia).post(f"{HOME}/words/new", data)
        assert answer.status_code == 422
        assert "data-problem" in answer.content.decode()
        assert "<class" not in answer.content.decode()

    def test_a_preview_shows_no_incident_of_another_workspace(self, browser, world, mia, stranger):
        incident = world.fire("db")
        data = {"kind": "email", "purpose": "page", "subject": "", "body": "{{ incident.title }}", "do": "preview"}
        page = browser(stranger).post(f"{HOME}/words/new", data | {"incident": incident.name}).content.decode()
        assert "db is wrong" not in page


def test_viewers_read_operators_test_and_admins_change(browser, world, ana, viv, hook):
    posts = {
        f"/{hook.pk}/mend": {}, f"/{hook.pk}/switch": {"enabled": "off"}, f"/{hook.pk}/remove": {"sure": "yes"},
        f"/{hook.pk}": {"label": "x", "address": ""}, "/new/webhook": {"address": "https://example.com", "label": "x"},
        "/accounts/new/slack": {"name": "x", "token": "x", "signing_secret": "x"},
        "/routes/new": {"name": "x", "channels": ["log"]},
        "/words/new": {"kind": "sms", "purpose": "page", "body": "x"},
    }  # fmt: skip
    for user in (viv, ana):
        client = browser(user)
        for path in PAGES:
            assert client.get(HOME + path).status_code == 200
        before = (Destination.objects.count(), Provider.objects.count(), Route.objects.count())
        for path, data in posts.items():
            client.post(HOME + path, data)
        assert (Destination.objects.count(), Provider.objects.count(), Route.objects.count()) == before
        hook.refresh_from_db()
        assert (hook.enabled, hook.label) == (True, "Status page")
    assert not MessageTemplate.objects.exists()
    browser(viv).post(f"{HOME}/{hook.pk}/test")
    assert not Delivery.objects.exists()
    assert "data-action=" not in browser(viv).get(HOME).content.decode()


def test_nothing_of_another_workspace_shows(browser, world, stranger, hook, mia):
    client = browser(stranger)
    route = Route.objects.create(workspace=world.workspace, name="Status page too")
    for path in PAGES:
        assert "Status page" not in client.get(HOME + path).content.decode()
    assert client.get(f"{HOME}?workspace={world.workspace.pk}").status_code == 404
    assert client.get(f"{HOME}/{hook.pk}").status_code == 404
    assert client.get(f"{HOME}/accounts/{Provider.objects.get().pk}").status_code == 404
    assert client.get(f"{HOME}/routes/{route.pk}").status_code == 404
    client.post(f"{HOME}/{hook.pk}/test")
    client.post(f"{HOME}/{hook.pk}/remove", {"sure": "yes"})
    assert Destination.objects.filter(pk=hook.pk).exists()
    assert not Delivery.objects.exists()


def test_nothing_that_came_is_markup(browser, world, mia):
    row = make_shared(world, HOSTILE)
    Destination.objects.filter(pk=row.pk).update(broken_at=world.now, broken_reason=HOSTILE)
    Route.objects.filter(workspace=world.workspace).update(labels={HOSTILE: HOSTILE})
    MessageTemplate.objects.create(workspace=world.workspace, kind="sms", purpose="page", subject=HOSTILE, body=HOSTILE)
    for path in PAGES:
        page = browser(mia).get(HOME + path).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page


@pytest.mark.parametrize("path", PAGES)
def test_it_costs_the_same_however_many_there_are(browser, world, mia, path, django_assert_max_num_queries):
    for n in range(12):
        made = make_shared(world, f"hook {n}", address=f"https://example.com/{n}")
        Route.objects.create(workspace=world.workspace, name=f"route {n}").destinations.add(made)
    client = browser(mia)
    with django_assert_max_num_queries(16):
        client.get(HOME + path)
