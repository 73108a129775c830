"""From intent to receipt, against a receiver that answers as it is told."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.access.actors import Role
from aiops.access.models import Workspace
from incidents.choices import Severity
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.channels.contracts import PermanentFailure, Sent, TemporaryFailure
from notifications.choices import ChannelKind, DeliveryState, Purpose, Rank
from notifications.delivery.intents import Intent
from notifications.delivery.services import deliveries, outcomes, receipts
from notifications.models import Delivery, Destination
from tests.deliveries.conftest import Page, make_destination, seconds, send
from tests.factories import NOW, actor, make_incident, make_user, minutes
from tests.receivers import RESET, Answer, HttpReceiver, Receivers, too_many

pytestmark = pytest.mark.django_db
S = DeliveryState


def test_a_page_goes_out_once_and_is_written_down(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    delivery = page(incident, hook, data={"level": "L1"})
    assert send() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.sent_at, delivery.attempts, delivery.maybe_twice) == (S.DELIVERED, NOW, 1, False)
    event = receiver.requests[0].json["event"]
    assert (event["id"], event["event_type"], event["incident"]["name"]) == (
        delivery.public_id,
        "incident.triggered",
        incident.name,
    )
    assert [receipt.state for receipt in delivery.receipts.all()] == [S.DELIVERED]
    assert TimelineEntry.objects.filter(incident=incident, kind="notification_sent").count() == 1
    assert send(NOW + minutes(5)) == 0, "what was told is not told again"
    assert len(receiver.requests) == 1


def test_the_same_intent_is_one_row_and_others_are_others(incident: Incident, hook: Destination, page: Page) -> None:
    page(incident, hook)
    page(incident, hook)
    assert Delivery.objects.count() == 1
    page(incident, hook, round=1)
    page(incident, hook, purpose=Purpose.STAND_DOWN, step=-1, data={"event": "resolve"})
    page(incident, hook, step=1)
    assert Delivery.objects.count() == 4


def test_too_busy_is_tried_again_when_the_provider_says(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    delivery = page(incident, hook)
    receiver.fail(too_many(90))
    send()
    delivery.refresh_from_db()
    assert delivery.state == S.FAILED_TEMPORARY
    assert NOW + seconds(90) <= delivery.due_at < NOW + seconds(91)
    assert send(NOW + seconds(89)) == 0
    send(NOW + seconds(91))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (S.DELIVERED, 2)
    assert [r.headers["x-aiops-attempt"] for r in receiver.requests] == ["1", "2"]
    hook.refresh_from_db()
    assert hook.failures == 0, "a success clears the count"


def test_pauses_double_and_a_page_is_given_up_after_its_patience(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    chat = make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=receivers.mattermost.hook)
    delivery = page(incident, chat)
    receivers.mattermost.fail(*[Answer(500)] * 30)
    at, pauses = NOW, []
    while at < NOW + minutes(80):
        send(at)
        delivery.refresh_from_db()
        if delivery.state == S.FAILED_PERMANENT:
            break
        pauses.append((delivery.due_at - at).total_seconds())
        at = delivery.due_at
    assert delivery.state == S.FAILED_PERMANENT
    assert delivery.reason.startswith("gave up: ")
    assert 4 <= pauses[0] <= 6 and 8 <= pauses[1] <= 12 and max(pauses) <= 660
    assert TimelineEntry.objects.filter(incident=incident, kind="notification_failed").count() == 1


def test_a_connection_that_breaks_may_mean_it_arrived(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    chat = make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=receivers.mattermost.hook)
    delivery = page(incident, chat)
    receivers.mattermost.fail(RESET)
    send()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.maybe_twice) == (S.FAILED_TEMPORARY, True)
    send(NOW + minutes(1))
    assert "may be a repeat" in str(receivers.mattermost.requests[-1].json)


def test_where_the_id_is_a_key_a_second_try_is_no_repeat(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    delivery = page(incident, hook)
    receiver.fail(RESET)
    send()
    delivery.refresh_from_db()
    assert not delivery.maybe_twice


def notices() -> list[tuple[str, str, str]]:
    """Who hears what by which address of destinations that fail."""
    rows = (
        Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE).select_related("recipient", "destination").order_by("pk")
    )
    return [(row.recipient.username, row.data["subject"], row.destination.label) for row in rows]


def test_a_persons_destination_that_is_gone_is_flagged_and_its_owner_told_another_way(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    ana = make_user("ana", workspace)
    gone = make_destination(owner=ana, kind=ChannelKind.DISCORD, address=receivers.discord.hook, label="her Discord")
    make_destination(owner=ana, kind=ChannelKind.EMAIL, address="ana@example.com")
    receivers.discord.fail(Answer(404, {"message": "Unknown Webhook"}))
    page(incident, gone, recipient_id=ana.pk)
    send()
    gone.refresh_from_db()
    assert gone.broken_at == NOW
    assert notices() == [("ana", "Pages no longer reach her Discord", "ana@example.com")]


def test_a_fault_of_the_account_flags_no_address(incident: Incident, workspace: Workspace, page: Page) -> None:
    ana = make_user("ana", workspace)
    telegram = make_destination(owner=ana, kind=ChannelKind.TELEGRAM, address="12345")
    make_destination(owner=ana, kind=ChannelKind.EMAIL, address="ana@example.com")
    delivery = page(incident, telegram, recipient_id=ana.pk)
    send()  # no account is set up for Telegram
    delivery.refresh_from_db()
    telegram.refresh_from_db()
    assert (delivery.state, telegram.broken_at, notices()) == (S.FAILED_PERMANENT, None, [])


def test_a_shared_destination_that_is_gone_is_flagged_and_the_admins_are_told(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    chat = make_destination(
        workspace=workspace, kind=ChannelKind.DISCORD, address=receivers.discord.hook, label="war room"
    )
    bo = make_user("bo", workspace, role=Role.ADMIN)
    make_destination(owner=bo, kind=ChannelKind.EMAIL, address="bo@example.com")
    receivers.discord.fail(Answer(404, {"message": "Unknown Webhook"}))
    page(incident, chat)
    send()
    chat.refresh_from_db()
    assert chat.broken_at == NOW and "404" in chat.broken_reason
    assert notices() == [("bo", "Pages no longer reach war room", "bo@example.com")]
    page(incident, chat, round=7)
    send(NOW + minutes(1))
    assert len(receivers.discord.requests) == 1, "nothing more is sent to what is broken"


def test_a_breaker_opens_after_five_failures_and_other_ways_come_forward(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    ana = make_user("ana", workspace)
    chat = make_destination(owner=ana, kind=ChannelKind.MATTERMOST, address=receivers.mattermost.hook)
    later = make_destination(owner=ana, kind=ChannelKind.EMAIL, address="ana@example.com")
    chat.failures = 4
    chat.save()
    receivers.mattermost.fail(Answer(503))
    page(incident, chat, recipient_id=ana.pk)
    send()
    chat.refresh_from_db()
    assert chat.open_until == NOW + seconds(30)
    held = page(incident, chat, recipient_id=ana.pk, round=1)
    second = page(incident, later, recipient_id=ana.pk, round=1, due_at=NOW + minutes(10))
    send(NOW + seconds(1))
    held.refresh_from_db()
    second.refresh_from_db()
    assert (held.state, held.due_at, held.attempts) == (S.PENDING, NOW + seconds(30), 0)
    assert second.due_at == NOW + seconds(1), "the way that was to come in ten minutes comes now"
    assert len(receivers.mattermost.requests) == 1


def test_in_a_storm_the_first_go_at_once_and_the_rest_in_one_digest(
    workspace: Workspace, teams: Destination, page: Page, receivers: Receivers
) -> None:
    many = [make_incident(workspace) for _ in range(30)]
    for each in many:
        page(each, teams)
    send()
    assert len(receivers.teams.requests) == 3
    assert Delivery.objects.filter(rank=Rank.DIGEST, state=S.PENDING).count() == 27
    other = make_destination(workspace=workspace, kind=ChannelKind.LOG, address="paging")
    first = page(make_incident(workspace), other)
    assert send(NOW + seconds(1)) == 1
    first.refresh_from_db()
    assert first.state == S.DELIVERED, "somebody else's first page does not wait for digests"
    assert send(NOW + seconds(59)) == 0
    send(NOW + seconds(61))
    assert len(receivers.teams.requests) == 4
    assert "27 incidents" in receivers.teams.requests[-1].body.decode()
    assert not Delivery.objects.exclude(state__in=(S.SENT, S.DELIVERED)).exists()
    assert Delivery.objects.filter(digest__isnull=False).count() == 26


def test_a_critical_page_does_not_wait_behind_others(
    workspace: Workspace, teams: Destination, page: Page, receivers: Receivers
) -> None:
    for _ in range(5):
        page(make_incident(workspace, severity=Severity.MEDIUM), teams)
    send()
    assert len(receivers.teams.requests) == 3
    critical = page(make_incident(workspace, severity=Severity.CRITICAL), teams)
    announced = page(make_incident(workspace, severity=Severity.CRITICAL), teams, purpose=Purpose.ANNOUNCE)
    send(NOW + seconds(1))
    critical.refresh_from_db()
    announced.refresh_from_db()
    assert (critical.state, announced.state) == (S.SENT, S.PENDING), "an announcement asks nobody to act"
    assert len(receivers.teams.requests) == 4


def test_beyond_its_allowance_a_critical_page_waits_for_seconds(
    workspace: Workspace, teams: Destination, page: Page, receivers: Receivers
) -> None:
    criticals = [page(make_incident(workspace, severity=Severity.CRITICAL), teams) for _ in range(5)]
    others = [page(make_incident(workspace, severity=Severity.LOW), teams) for _ in range(5)]
    send()
    assert len(receivers.teams.requests) == 6, "three of each"
    assert send(NOW + seconds(14)) == 0
    send(NOW + seconds(15))
    assert len(receivers.teams.requests) == 7
    assert "4 incidents" in receivers.teams.requests[-1].body.decode(), "what waits is taken along"
    assert {Delivery.objects.get(pk=each.pk).state for each in (*criticals, *others)} == {S.SENT}


def test_machines_want_every_event(workspace: Workspace, hook: Destination, page: Page, receiver: HttpReceiver) -> None:
    for _ in range(10):
        page(make_incident(workspace), hook)
    send()
    assert len(receiver.requests) == 10


def test_first_pages_overtake_digests(workspace: Workspace, hook: Destination, page: Page) -> None:
    page(make_incident(workspace), hook, rank=Rank.DIGEST, due_at=NOW - minutes(1))
    first = page(make_incident(workspace), hook)
    from notifications.delivery.services.claiming import claim

    assert claim(NOW, 1)[0].delivery.pk == first.pk


def test_what_somebody_has_meanwhile_is_not_sent(
    workspace: Workspace, incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    from notifications.delivery.services import sending
    from notifications.delivery.services.claiming import claim

    delivery = page(incident, hook)
    batch = claim(NOW, 10)[0]  # in a worker's hands …
    incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW)  # … when Ana answers
    sending.DestinationQueue([batch], sending.CHANNELS, lambda: NOW).serve()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (S.SUPPRESSED, "acknowledged by ana before it was sent")
    assert not receiver.requests


def test_an_acknowledgement_calls_off_what_waits_and_a_resolve_tells_everybody(
    workspace: Workspace, incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    page(incident, hook)
    send()
    waiting = page(incident, hook, round=1, due_at=NOW + minutes(10))
    incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    waiting.refresh_from_db()
    assert waiting.state == S.SUPPRESSED
    incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=NOW, resolution="restarted")
    while send(NOW + seconds(1)):
        pass
    assert [r.json["event"]["event_type"] for r in receiver.requests] == [
        "incident.triggered", "incident.acknowledged", "incident.resolved",
    ]  # fmt: skip


def test_news_of_one_incident_arrives_in_order(
    workspace: Workspace, incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    page(incident, hook)
    receiver.fail(Answer(500))
    send()
    page(incident, hook, purpose=Purpose.STAND_DOWN, step=-1, data={"event": "resolve"})
    send(NOW + seconds(1))
    assert len(receiver.requests) == 1, "the end is not told before the beginning"
    for n in range(2, 20):
        send(NOW + seconds(n))
    assert [r.json["event"]["event_type"] for r in receiver.requests[1:]] == ["incident.triggered", "incident.resolved"]


def test_an_announcement_that_would_only_repeat_a_page_is_not_sent(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    page(incident, hook)
    said = page(incident, hook, purpose=Purpose.ANNOUNCE, step=-1, rank=Rank.ANNOUNCEMENT)
    send()
    said.refresh_from_db()
    assert (said.state, len(receiver.requests)) == (S.SUPPRESSED, 1)


def test_receipts_only_move_forward(incident: Incident, hook: Destination, page: Page) -> None:
    delivery = page(incident, hook)
    Delivery.objects.update(state=S.SENT, provider_ref="SM1", kind=ChannelKind.SMS, sent_at=NOW)
    kind = ChannelKind.SMS
    assert (
        receipts.note(
            workspace_id=incident.workspace_id, kind=kind, ref="nobody's", state=S.DELIVERED, detail="", now=NOW
        )
        is None
    )
    receipts.note(workspace_id=incident.workspace_id, kind=kind, ref="SM1", state=S.READ, detail="", now=NOW)
    receipts.note(workspace_id=incident.workspace_id, kind=kind, ref="SM1", state=S.SENT, detail="late", now=NOW)
    receipts.note(
        workspace_id=incident.workspace_id,
        kind=kind,
        ref="SM1",
        state=S.FAILED_PERMANENT,
        detail="later still",
        now=NOW,
    )
    delivery.refresh_from_db()
    assert (delivery.state, delivery.read_at, delivery.receipts.count()) == (S.READ, NOW, 3)


def test_a_claim_that_ran_out_is_taken_up_again_and_says_so(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    from notifications.delivery.services.claiming import LEASE, claim

    chat = make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=receivers.mattermost.hook)
    delivery = page(incident, chat)
    claim(NOW, 10)  # and the worker dies
    assert send(NOW + LEASE - seconds(1)) == 0
    assert send(NOW + LEASE + seconds(1)) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.maybe_twice, delivery.attempts, delivery.reason) == (S.SENT, True, 2, "")


def test_an_address_inside_our_network_is_refused_naming_the_setting(
    settings: object, incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = []  # type: ignore[attr-defined]
    delivery = page(incident, hook)
    send()
    delivery.refresh_from_db()
    assert delivery.state == S.FAILED_PERMANENT
    assert "AIOPS_OUTBOUND_ALLOW" in delivery.reason
    assert not receiver.requests


def test_an_intent_without_a_destination_says_why(workspace: Workspace, incident: Incident) -> None:
    about = {"workspace_id": workspace.pk, "incident_id": incident.pk, "purpose": Purpose.PAGE, "due_at": NOW}
    deliveries.intend([Intent(**about, suppressed="nobody is on call")], NOW)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (S.SUPPRESSED, "nobody is on call")
    assert send() == 0


def test_statements_do_not_grow_with_the_batch(
    workspace: Workspace, hook: Destination, page: Page, django_assert_max_num_queries: object
) -> None:
    from notifications.delivery.services.claiming import claim

    for _ in range(40):
        page(make_incident(workspace), hook)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(claim(NOW, 100)) == 40


def test_what_waited_for_the_morning_has_its_patience_yet(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    chat = make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=receivers.mattermost.hook)
    delivery = page(incident, chat, due_at=NOW + minutes(600))
    receivers.mattermost.fail(Answer(503))
    send(NOW + minutes(600))
    delivery.refresh_from_db()
    assert delivery.state == S.FAILED_TEMPORARY
    send(NOW + minutes(601))
    delivery.refresh_from_db()
    assert delivery.state == S.SENT


def test_the_same_words_are_not_said_twice_by_two_ways(
    incident: Incident, workspace: Workspace, receivers: Receivers, page: Page
) -> None:
    """A mailing list that is a destination of the team, and somebody's own: one address."""
    where = receivers.mattermost.hook
    ours = make_destination(workspace=workspace, kind=ChannelKind.MATTERMOST, address=where)
    hers = make_destination(owner=make_user("ana", workspace), kind=ChannelKind.MATTERMOST, address=where)
    page(incident, ours)
    again = page(incident, hers, recipient_id=hers.owner_id)
    send()
    again.refresh_from_db()
    assert (again.state, again.reason) == (S.SUPPRESSED, "the very same was said there a moment ago")
    page(incident, ours, round=1)
    send(NOW + seconds(5))
    assert len(receivers.mattermost.requests) == 2, "another round repeats itself on purpose"


def test_admins_hear_of_an_account_that_is_at_fault_once(incident: Incident, workspace: Workspace, page: Page) -> None:
    boss = make_user("boss", workspace, role=Role.ADMIN)
    make_destination(owner=boss, kind=ChannelKind.EMAIL, address="boss@example.com")
    chat = make_destination(workspace=workspace, kind=ChannelKind.TELEGRAM, address="42")
    for round in range(3):
        page(incident, chat, round=round)
    for _ in range(3):
        send()
    notices = Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE)
    assert [(row.recipient_id, row.data["subject"]) for row in notices] == [(boss.pk, "Pages by Telegram fail")]
    chat.refresh_from_db()
    assert chat.broken_at is None


def test_what_is_switched_off_is_not_blamed(
    incident: Incident, hook: Destination, page: Page, receiver: HttpReceiver
) -> None:
    for round in range(4):
        page(incident, hook, round=round)
    Destination.objects.update(enabled=False)
    send()
    hook.refresh_from_db()
    assert (hook.failures, hook.broken_at, receiver.requests) == (0, None, [])
    assert (
        Delivery.objects.filter(
            state=S.FAILED_PERMANENT, reason="The destination can't be used: it is switched off."
        ).count()
        == 4
    )


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("result", [Sent, TemporaryFailure, PermanentFailure])
def test_what_a_provider_says_can_always_be_written_down(
    incident: Incident, hook: Destination, page: Page, text: str, result: Any
) -> None:
    """Else the message would be sent again whenever its claim runs out."""
    delivery = page(incident, hook)
    Delivery.objects.filter(pk=delivery.pk).update(state=S.SENDING, attempts=1)
    delivery.refresh_from_db()
    if result is Sent:
        outcomes.sent([delivery], Sent(ref=text, detail=text), NOW)
    else:
        outcomes.failed([delivery], result(text), NOW)
    delivery.refresh_from_db()
    assert delivery.state != S.SENDING
    assert "a\N{REPLACEMENT CHARACTER}b" in (delivery.provider_ref, delivery.reason)
