"""A link acts once, for one person, on one episode, and never by being fetched."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.test import Client

from aiops.access.actors import Role
from aiops.access.models import Membership, User, Workspace
from aiops.access.people import actor_for_user
from aiops.kernel import logs
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.choices import ChannelKind
from notifications.delivery import links
from notifications.delivery.links import ForgedLink, Link
from notifications.delivery.verbs import Verb, verb_of
from notifications.models import Delivery, UsedLink
from notifications.watch.services import retention
from tests.factories import NOW, actor, make_incident, make_user
from tests.responding.conftest import LATER, Clock
from tests.responding.making import make_delivery, make_destination

FORM = "application/x-www-form-urlencoded"


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def delivery(incident: Incident, ana: User) -> Delivery:
    return make_delivery(incident, make_destination(ChannelKind.EMAIL, "ana@example.com", owner=ana), recipient=ana)


def path(delivery: Delivery, verb: Verb = Verb.ACKNOWLEDGE, user: User | None = None) -> str:
    url = links.link(
        delivery_id=delivery.pk,
        incident_id=delivery.incident_id,
        episode=delivery.episode,
        user_id=user.pk if user else delivery.recipient_id,
        verb=verb,
        now=NOW,
    )
    return "/respond/" + url.rpartition("/")[2]


def status(incident: Incident) -> str:
    incident.refresh_from_db()
    return incident.status


def test_a_scanner_that_follows_every_link_changes_nothing(client: Client, delivery: Delivery) -> None:
    before = TimelineEntry.objects.count()
    for verb in Verb:
        for ask in (client.get, client.head):
            response = ask(path(delivery, verb))
            assert response.status_code == 200
            assert response["Referrer-Policy"] == "no-referrer"
            assert "noindex" in response["X-Robots-Tag"]
            assert response["Cache-Control"] == "no-store"
            assert not response.cookies
    assert status(delivery.incident) == "open"
    assert (TimelineEntry.objects.count(), UsedLink.objects.count()) == (before, 0)


def test_posting_acts_as_the_person_without_signing_in(delivery: Delivery) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(path(delivery)).content.decode()
    assert "Acknowledge as ana" in page and "Nobody has it yet" in page and "<script" not in page
    done = browser.post(path(delivery))
    assert done.status_code == 200 and f"{delivery.incident.name} acknowledged" in done.content.decode()
    assert status(delivery.incident) == "acknowledged"
    assert delivery.incident.acknowledged_by == "ana"
    entry = TimelineEntry.objects.filter(incident=delivery.incident).latest("pk")
    assert (entry.actor_kind, entry.actor_id, entry.text) == ("user", str(delivery.recipient_id), "From a link")


@pytest.mark.parametrize(
    ("verb", "argument", "field", "expected"),
    [
        (Verb.RESOLVE, "Rolled back", "resolution", "Rolled back"),
        (Verb.RESOLVE, "", "resolution", "From a link"),
        (Verb.SNOOZE, "4h", "snoozed_until", LATER + timedelta(hours=4)),
        (Verb.ESCALATE, "", "escalated_at", LATER),
    ],
)
def test_every_verb_does_what_it_says(
    client: Client, delivery: Delivery, verb: Verb, argument: str, field: str, expected: object
) -> None:
    assert client.post(path(delivery, verb), {"argument": argument}).status_code == 200
    delivery.incident.refresh_from_db()
    assert getattr(delivery.incident, field) == expected


def test_a_note_is_written_and_an_empty_one_refused_without_using_the_link_up(
    client: Client, delivery: Delivery
) -> None:
    assert client.post(path(delivery, Verb.NOTE)).status_code == 400
    assert client.post(path(delivery, Verb.NOTE), "argument=on+%00it+%ED%A0%80", FORM).status_code == 200
    assert TimelineEntry.objects.filter(kind="note_added", text__startswith="on it").exists()


def test_it_is_good_once(client: Client, delivery: Delivery, clock: Clock) -> None:
    assert client.post(path(delivery)).status_code == 200
    incidents.unacknowledge(actor=actor(delivery.workspace), incident_id=delivery.incident_id, now=LATER)
    clock(LATER + timedelta(minutes=2))
    for ask in (client.get, client.post):
        again = ask(path(delivery))
        assert again.status_code == 409
        assert "used 2 minutes ago" in again.content.decode() and "Nobody has it yet" in again.content.decode()
    assert status(delivery.incident) == "open"


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (Verb.ACKNOWLEDGE, "ana acknowledged this at 08:35 CST (you)"),
        (Verb.RESOLVE, "ana resolved this at 08:35 CST (you)"),
        (Verb.ESCALATE, "ana escalated this at 08:35 CST (you)"),
        (Verb.SNOOZE, "ana snoozed this at 08:35 CST (you)"),
    ],
)
def test_a_second_tap_reads_that_it_is_done(
    client: Client, delivery: Delivery, clock: Clock, verb: Verb, said: str
) -> None:
    User.objects.filter(pk=delivery.recipient_id).update(time_zone="America/Costa_Rica")
    assert client.post(path(delivery, verb)).status_code == 200
    clock(LATER + timedelta(minutes=2))
    for ask in (client.get, client.post):
        again = ask(path(delivery, verb))
        assert again.status_code == 200 and said in again.content.decode() and "<form" not in again.content.decode()


def test_who_acknowledged_in_another_way_reads_that_it_is_done(client: Client, delivery: Delivery) -> None:
    incidents.acknowledge(actor=actor_for_user(delivery.recipient), incident_id=delivery.incident_id, now=LATER)
    again = client.post(path(delivery))
    assert again.status_code == 200 and "ana acknowledged this at 14:35 UTC (you)" in again.content.decode()
    assert not UsedLink.objects.exists()


def test_a_second_note_is_not_lost(client: Client, delivery: Delivery) -> None:
    first = client.post(path(delivery, Verb.NOTE), {"argument": "on it"})
    assert first.status_code == 200 and "Nobody has acknowledged it" in first.content.decode()
    assert client.post(path(delivery, Verb.NOTE), {"argument": "on it"}).status_code == 200  # a second tap
    other = client.post(path(delivery, Verb.NOTE), {"argument": "it is <the> disk"})
    assert other.status_code == 409 and "was not added" in other.content.decode()
    assert "it is &lt;the&gt; disk" in other.content.decode()
    assert TimelineEntry.objects.filter(kind="note_added").count() == 1
    assert "ana added a note to this" in client.get(path(delivery, Verb.NOTE)).content.decode()


def test_who_was_first_is_said_and_the_link_stays_good(client: Client, delivery: Delivery, clock: Clock) -> None:
    bo = actor(delivery.workspace, label="bo")
    incidents.acknowledge(actor=bo, incident_id=delivery.incident_id, now=LATER - timedelta(minutes=2))
    page = client.get(path(delivery))
    assert page.status_code == 200
    assert "bo acknowledged it 2 minutes ago" in page.content.decode() and "<form" not in page.content.decode()
    late = client.post(path(delivery))
    assert late.status_code == 409 and "bo acknowledged it 2 minutes ago" in late.content.decode()
    incidents.unacknowledge(actor=bo, incident_id=delivery.incident_id, now=LATER)
    assert client.post(path(delivery)).status_code == 200


def test_a_day_later_it_has_expired(client: Client, delivery: Delivery, clock: Clock) -> None:
    clock(NOW + timedelta(hours=24))
    for ask in (client.get, client.post):
        response = ask(path(delivery))
        assert response.status_code == 410 and "expired" in response.content.decode()
        assert delivery.incident.title not in response.content.decode()
    assert status(delivery.incident) == "open"


def forgeries(delivery: Delivery) -> list[str]:
    token = path(delivery).rpartition("/")[2]
    payload, _, signature = token.rpartition(".")
    others = path(delivery, Verb.RESOLVE).rpartition("/")[2].rpartition(".")[2]
    bound_anew = payload.split("-")
    bound_anew[4] = "zz"
    return [
        f"{payload}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
        f"r{payload[1:]}.{signature}",  # another verb
        f"{'-'.join(bound_anew)}.{signature}",  # another person
        f"{payload}.{others}",
        payload,
        token[:-5],
        "." * 50,
        "é" * 40,
        "a" * 5000,
        "a-1-1-0-1-zzzzzzzzzzzzzz." + signature,
    ]


def test_what_was_made_up_changed_or_cut_is_refused(client: Client, delivery: Delivery) -> None:
    for token in forgeries(delivery):
        for ask in (client.get, client.post):
            response = ask(f"/respond/{token}")
            assert response.status_code == 404, token
            assert "not valid" in response.content.decode()
    assert status(delivery.incident) == "open"


@pytest.mark.parametrize("changed", ["delivery_id", "incident_id", "user_id", "episode"])
def test_even_signed_it_must_say_what_the_delivery_says(
    client: Client, delivery: Delivery, workspace: Workspace, changed: str
) -> None:
    bo = make_user("bo", workspace)
    other = make_incident(workspace)
    said = {
        "delivery_id": delivery.pk,
        "incident_id": delivery.incident_id,
        "user_id": delivery.recipient_id,
        "episode": 0,
    }
    said[changed] = {"delivery_id": delivery.pk + 1, "incident_id": other.pk, "user_id": bo.pk, "episode": 1}[changed]
    token = Link(Verb.ACKNOWLEDGE, expires_at=NOW + timedelta(hours=1), **said).token
    assert client.post(f"/respond/{token}").status_code == 410
    assert {status(delivery.incident), status(other)} == {"open"}


def test_a_reopened_incident_is_another_episode(client: Client, delivery: Delivery) -> None:
    who = actor(delivery.workspace)
    incidents.resolve(actor=who, incident_id=delivery.incident_id, now=NOW)
    incidents.reopen(actor=who, incident_id=delivery.incident_id, now=NOW)
    response = client.post(path(delivery))
    assert response.status_code == 410 and "was reopened after this message" in response.content.decode()
    assert status(delivery.incident) == "open"


@pytest.mark.parametrize("what", ["left", "deactivated", "viewer"])
def test_who_left_or_lost_the_role_is_refused_and_told_nothing(
    client: Client, delivery: Delivery, ana: User, what: str
) -> None:
    if what == "left":
        Membership.objects.filter(user=ana).delete()
    elif what == "viewer":
        Membership.objects.filter(user=ana).update(role=Role.VIEWER.value)
    else:
        User.objects.filter(pk=ana.pk).update(is_active=False)
    for ask in (client.get, client.post):
        response = ask(path(delivery))
        assert response.status_code == 403
        assert delivery.incident.title not in response.content.decode()
    assert status(delivery.incident) == "open"
    assert not UsedLink.objects.exists()


def test_a_link_in_a_shared_place_shows_and_asks_to_sign_in(client: Client, incident: Incident) -> None:
    shared = make_destination(ChannelKind.TEAMS, "https://teams.example/hook", workspace=incident.workspace)
    delivery = make_delivery(incident, shared)
    page = client.get(path(delivery))
    assert page.status_code == 200 and "Sign in to answer" in page.content.decode()
    assert "<form" not in page.content.decode()
    assert client.post(path(delivery)).status_code == 403
    assert status(incident) == "open"


def test_markup_in_an_alert_stays_text(client: Client, workspace: Workspace, ana: User) -> None:
    incident = make_incident(workspace, title="<img src=x onerror=alert(1)>")
    delivery = make_delivery(incident, make_destination(ChannelKind.EMAIL, "ana@example.com", owner=ana), recipient=ana)
    assert "<img src=x" not in client.get(path(delivery)).content.decode()


def test_a_token_reaches_no_log(delivery: Delivery) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "GET %s 200", (path(delivery),), None)
    logs.ScrubSecrets().filter(record)
    assert record.getMessage() == "GET /respond/*** 200"
    assert logs.scrub("POST /hooks/slack/0123abcd/commands") == "POST /hooks/slack/***"


def test_links_survive_a_change_of_the_key_and_are_still_good_once(
    client: Client, delivery: Delivery, settings: object
) -> None:
    old = path(delivery)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-0123456789abcdef0123456789abcdef"
    assert client.post(old).status_code == 200
    incidents.unacknowledge(actor=actor(delivery.workspace), incident_id=delivery.incident_id, now=LATER)
    assert client.post(path(delivery)).status_code == 409  # the same link, signed anew
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ForgedLink):
        links.read(old.rpartition("/")[2])


def test_what_was_used_is_forgotten_when_no_link_of_that_time_is_good(client: Client, delivery: Delivery) -> None:
    client.post(path(delivery))
    retention.forget_old(LATER + timedelta(days=1))
    assert UsedLink.objects.count() == 1
    retention.forget_old(LATER + timedelta(days=3))
    assert UsedLink.objects.count() == 0


def test_the_address_is_the_public_one(settings: object, delivery: Delivery) -> None:
    settings.AIOPS_PUBLIC_URL = "https://aiops.example/"
    answers = links.links_for(
        delivery_id=1, incident_id=2, episode=0, user_id=3, now=NOW, verbs=[verb_of("acknowledge")]
    )
    assert [answer.verb for answer in answers] == ["acknowledge"]
    assert answers[0].url.startswith("https://aiops.example/respond/a-1-2-0-3-")
    assert len(answers[0].url) < 110
