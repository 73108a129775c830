"""One's own notifications: addresses that are proven, rules, quiet hours, the browser, the zone. Nobody else's."""

from __future__ import annotations

import json
import re
from datetime import time

import pytest

from notifications.choices import ChannelKind
from notifications.models import ContactRule, Delivery, Destination, Provider, QuietHours
from tests.factories import make_user
from tests.notifications_console.conftest import HOSTILE, element

pytestmark = pytest.mark.django_db
HOME = "/console/notifications"
# A real subscription's shape: the key is a point on the curve.
KEY = "BNbRj7XoxtYvdKR2NmuJ0EDZ_7qMZXGr8TqmaBfVnRzGgqgpEJTHZoxAa4nGfqjEPyvxSZNIZ7Ti3CXXXXXXXXX"


def told(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def bo(world, mia):
    """Somebody without anything yet; the workspace can send text messages."""
    return make_user("bo", world.workspace, first_name="Bo")


def test_a_new_phone_is_proven_by_a_code(browser, world, bo):
    client = browser(bo)
    answer = client.post(f"{HOME}/addresses", {"kind": "sms", "address": "+49 151 2345678"}, follow=True)
    assert told(answer) == ["A code was sent to +491512345678. Enter it here within ten minutes."]
    phone = Destination.objects.get(owner=bo)
    page = client.get(HOME).content.decode()
    assert "A code was sent" in page
    (text,) = world.receivers.twilio.texts("+491512345678")
    code = re.search(r"\d{6}", text)[0]
    wrong = "000000" if code != "000000" else "111111"
    assert told(client.post(f"{HOME}/addresses/{phone.pk}/verify", {"code": wrong}, follow=True)) == [
        "That is not the code that was sent."
    ]
    assert "is proven" in told(client.post(f"{HOME}/addresses/{phone.pk}/verify", {"code": code}, follow=True))[0]
    phone.refresh_from_db()
    assert phone.verified_at is not None
    assert told(client.post(f"{HOME}/addresses/{phone.pk}/test", follow=True)) == ["Test to +491512345678: sent."]
    assert "pages reach you here" in world.receivers.twilio.texts("+491512345678")[-1]
    client.post(f"{HOME}/addresses/{phone.pk}/remove", {"sure": "yes"})
    assert not Destination.objects.filter(owner=bo).exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "sms", "address": "12"}, "Expected a phone number"),
        ({"kind": "pigeon", "address": "x"}, "Choose one of the list."),
        ({"kind": "pagerduty", "address": "x"}, "Choose one of the list."),
        ({}, "Choose one of the list."),
    ],
)
def test_what_cannot_be_read_is_told(browser, bo, data, said):
    (message,) = told(browser(bo).post(f"{HOME}/addresses", data, follow=True))
    assert message.startswith(said)
    assert not Destination.objects.filter(owner=bo).exists()


def test_rules_say_by_what_and_after_how_long(browser, world, ana):
    client, phone = browser(ana), ana.destinations.get()
    client.post(f"{HOME}/addresses", {"kind": "email", "address": ana.email})
    mail = ana.destinations.get(kind=ChannelKind.EMAIL)
    data = {"minutes": ["0", "5", ""], "destination": [str(phone.pk), str(mail.pk), ""]}
    client.post(f"{HOME}/rules/high", data)
    assert list(ContactRule.objects.values_list("urgency", "delay_minutes")) == [("high", 0), ("high", 5)]
    page = client.get(HOME).content.decode()
    assert "A page now would reach you" in page
    assert re.search(r"at once by <b>SMS</b>", page)
    assert 'data-time="until"' in page
    for junk in ({"minutes": ["x"], "destination": [str(phone.pk)]}, {"minutes": ["99999"], "destination": [str(phone.pk)]},
                 {"minutes": ["0"], "destination": ["999999"]}, {"minutes": ["0"], "destination": ["x"]}):  # fmt: skip
        assert client.post(f"{HOME}/rules/high", junk, follow=True).status_code == 200
    assert ContactRule.objects.count() == 2
    client.post(f"{HOME}/rules/high", {"minutes": ["0"], "destination": [""]})
    assert not ContactRule.objects.exists()
    assert client.post(f"{HOME}/rules/extreme", data, follow=True).status_code == 200


def test_somebody_without_contact_data_is_told_so(browser, world, bo):
    world.workspace.providers.all().delete()
    page = browser(bo).get(HOME).content.decode()
    assert "not at all: you have bo@example.com, but no mail server is set up" in page


def test_quiet_hours(browser, world, ana):
    client = browser(ana)
    client.post(f"{HOME}/quiet-hours", {"begins": "22:00", "ends": "07:00", "day": ["5", "6", "9"]})
    quiet = QuietHours.objects.get()
    assert (quiet.begins, quiet.ends, quiet.days) == (time(22), time(7), [5, 6])
    assert "Sat Sun 22:00–07:00" in client.get(HOME).content.decode()
    for junk in (
        {"begins": "22:00", "ends": ""},
        {"begins": "soon", "ends": "07:00"},
        {"begins": "07:00", "ends": "07:00"},
    ):
        assert told(client.post(f"{HOME}/quiet-hours", junk, follow=True))
    client.post(f"{HOME}/quiet-hours", {"begins": "", "ends": ""})
    assert not QuietHours.objects.exists()


def test_the_time_zone(browser, ana):
    client = browser(ana)
    client.post(f"{HOME}/time-zone", {"time_zone": "Asia/Kathmandu"})
    ana.refresh_from_db()
    assert ana.time_zone == "Asia/Kathmandu"
    assert 'data-zone="Asia/Kathmandu"' in client.get(HOME).content.decode()
    assert told(client.post(f"{HOME}/time-zone", {"time_zone": "Mars/Base"}, follow=True)) == [
        "Expected an IANA name such as Europe/Berlin."
    ]


class TestWebPush:
    def test_an_admin_sets_it_up_and_everybody_gets_the_key(self, browser, world, mia, ana):
        assert "An admin of the workspace can do that" in browser(ana).get(HOME).content.decode()
        browser(ana).post(f"{HOME}/web-push")
        assert not Provider.objects.filter(kind=ChannelKind.WEBPUSH).exists()
        browser(mia).post(f"{HOME}/web-push")
        account = Provider.objects.get(kind=ChannelKind.WEBPUSH)
        page = browser(ana).get(HOME).content.decode()
        assert f'data-key="{account.settings["public_key"]}"' in page
        assert account.settings["private_key"] not in page

    def test_a_browser_adds_itself_and_is_paged(self, browser, world, mia, ana):
        browser(mia).post(f"{HOME}/web-push")
        data = {"address": json.dumps(world.receivers.push.subscription), "label": "Chromium on Linux"}
        answer = browser(ana).post(f"{HOME}/browsers", data)
        assert answer.status_code == 200, answer.content
        row = Destination.objects.get(kind=ChannelKind.WEBPUSH)
        assert (answer.json(), row.label) == ({"id": row.pk}, "Chromium on Linux")
        assert told(browser(ana).post(f"{HOME}/addresses/{row.pk}/test", follow=True)) == [
            "Test to Chromium on Linux: sent."
        ]

    def test_junk_is_refused_with_a_reason(self, browser, world, ana):
        for address in (
            "",
            "{}",
            "x",
            json.dumps({"endpoint": "https://push.example", "keys": {"p256dh": KEY, "auth": "x"}}),
        ):
            answer = browser(ana).post(f"{HOME}/browsers", {"address": address})
            assert answer.status_code == 422
            assert "push subscription" in answer.json()["error"]

    def test_manifest_and_worker_are_open_and_say_nothing_of_anybody(self, client):
        manifest = client.get("/manifest.webmanifest")
        assert manifest["Content-Type"] == "application/manifest+json"
        assert manifest.json()["start_url"] == "/console"
        worker = client.get("/sw.js")
        assert worker["Content-Type"].startswith("text/javascript")
        assert worker["Cache-Control"] == "no-cache"
        assert b"showNotification" in worker.content


def test_of_others_there_is_nothing_to_see_or_do(browser, world, ana, mia, stranger):
    phone = ana.destinations.get()
    for user in (mia, stranger):  # admins too: an address is its owner's
        client = browser(user)
        assert phone.label not in client.get(HOME).content.decode()
        for verb, data in (
            ("code", {}),
            ("verify", {"code": "1"}),
            ("test", {}),
            ("mend", {}),
            ("remove", {"sure": "yes"}),
        ):
            assert told(client.post(f"{HOME}/addresses/{phone.pk}/{verb}", data, follow=True)) == [
                "There is no such address of yours."
            ]
    assert Destination.objects.filter(pk=phone.pk).exists()
    assert not Delivery.objects.exists()


def test_nothing_that_came_is_markup(browser, world, ana):
    ana.destinations.update(label=HOSTILE, broken_at=world.now, broken_reason=HOSTILE)
    page = browser(ana).get(HOME).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in element(page, "main")


def test_it_costs_the_same_however_much_there_is(browser, world, ana, django_assert_max_num_queries):
    for n in range(8):
        row = Destination.objects.create(
            owner=ana, kind="email", label=f"{n}@example.com", address_sealed="x", address_digest=str(n)
        )
        ContactRule.objects.create(user=ana, destination=row, delay_minutes=n)
    client = browser(ana)
    with django_assert_max_num_queries(28):
        client.get(HOME)
