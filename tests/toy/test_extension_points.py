"""One of each extension point, added by an app that the others do not know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.actors import SYSTEM, ActorKind, ActorRef
from aiops.access.models import User, Workspace
from aiops.kernel import events
from incidents.core import timeline
from incidents.core.events import IncidentEvent, IncidentFact
from incidents.core.timeline import Kind
from incidents.models import Incident, PendingReaction, TimelineEntry
from incidents.response import slots
from incidents.response.api.client.serializers import timeline as client_timeline
from incidents.response.api.v1.timeline import event as v1_event
from incidents.response.console.rows import rows_of
from incidents.response.console.story import line_of
from notifications.channels.slack import blocks
from notifications.choices import ChannelKind
from notifications.delivery import links, tokens, verbs
from notifications.delivery.services import rendering
from notifications.models import Delivery, Provider
from tests.factories import NOW, actor, make_incident
from tests.responding.conftest import LATER
from tests.responding.making import make_delivery, make_destination
from tests.responding.signing import click, slack, twilio
from tests.toy import services
from tests.toy.apps import APPROVE, ToyConfig
from tests.toy.events import DrillEvent, DrillFact
from tests.toy.models import Drill
from tests.world import World

pytestmark = pytest.mark.usefixtures("clock")


def approved(incident: Incident) -> str:
    return Drill.objects.get(incident_id=incident.pk).approved_by


class TestTimelineKinds:
    def approve(self, incident: Incident, workspace: Workspace) -> TimelineEntry:
        services.approve(actor=actor(workspace), incident_id=incident.pk, now=NOW, reason="for the audit")
        return TimelineEntry.objects.get(kind="drill_approved")

    def test_every_dialect_tells_them_in_the_words_of_their_app(self, incident: Incident, workspace: Workspace) -> None:
        entry = self.approve(incident, workspace)
        line = line_of(timeline.Entry.of(entry))
        assert (line.what, line.quote, line.tone) == ("ana approved the drill", "for the audit", "act")
        told = v1_event(entry)
        said = "ana approved the drill: for the audit"
        assert (told["type"], told["source"], told["message"]) == ("Drill", "drill-manager", said)
        (event,) = client_timeline(incident, [entry])["events"]
        assert (event["event_type"], event["actor"]) == ("drill_approved", "ana")

    def test_without_the_app_its_entries_are_told_by_their_name(
        self, incident: Incident, workspace: Workspace, toy: ToyConfig
    ) -> None:
        entry = self.approve(incident, workspace)
        toy.gone()
        try:
            line = line_of(timeline.Entry.of(entry))
            assert (line.what, line.quote, line.tone) == ("Drill approved", "for the audit", "")
            assert (v1_event(entry)["type"], v1_event(entry)["source"]) == ("Event", "ana")
        finally:
            toy.ready()

    @pytest.mark.parametrize("data", [{"severity": {}}, {"until": "soon", "severity": 7}, {"said": 7, "reason": []}])
    def test_no_dialect_stumbles_over_the_facts_of_another_app(self, incident: Incident, data: dict[str, Any]) -> None:
        timeline_of = timeline.Entry.by(SYSTEM, incident.pk, NOW, "drill_held", data=data)
        services.timeline.record([timeline_of])
        entry = TimelineEntry.objects.get(kind="drill_held")
        assert line_of(timeline.Entry.of(entry)).what
        assert v1_event(entry)["message"] and client_timeline(incident, [entry])["events"]

    @pytest.mark.parametrize(
        "fields", [{"word": "Drill"}, {"word": "d" * 33}, {"word": "note_added"}, {"word": "drill_x", "tone": "loud"}]
    )
    def test_kinds_that_can_not_be_kept_or_are_taken_are_refused(self, fields: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=fields["word"][:5]):
            timeline.register(Kind(**{"label": "Drill", **fields}))

    def test_one_service_writes_entries(self) -> None:
        writes = re.compile(
            r"TimelineEntry\.objects\.(bulk_)?create|TimelineEntry\(.*\)\.save|INTO incidents_timelineentry"
        )
        root = Path(timeline.__file__).parents[2]
        sources = [path for app in ("aiops", "incidents", "notifications") for path in (root / app).rglob("*.py")]
        assert [path for path in sources if writes.search(path.read_text())] == []


class TestEvents:
    def test_it_hears_of_incidents_and_is_heard_itself(self, workspace: Workspace) -> None:
        heard: list[DrillFact] = []

        def listen(facts: Sequence[DrillFact], now: datetime) -> None:
            heard.extend(facts)

        events.subscribe(DrillEvent.APPROVED, listen)
        try:
            incident = make_incident(workspace)
            services.approve(actor=actor(workspace), incident_id=incident.pk, now=NOW)
        finally:
            events.unsubscribe(DrillEvent.APPROVED, listen)
        drill = Drill.objects.get(incident_id=incident.pk)
        who = ActorRef(ActorKind.USER, "ana", "ana")
        assert heard == [DrillFact(drill_id=drill.pk, incident_id=incident.pk, actor=who)]

    def test_names_that_nobody_declared_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"incident\.opend"):
            events.subscribe("incident.opend", services.plan)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="declared twice"):
            events.Event("Twice", {"OPENED": ("incident.opened", IncidentFact)})

    def test_facts_are_whole_and_of_their_event(self, incident: Incident) -> None:
        with pytest.raises(TypeError, match="actor"):
            IncidentFact(incident_id=1, workspace_id=1, service_id=1, severity=1)  # type: ignore[call-arg]
        fact = DrillFact(drill_id=1, incident_id=incident.pk, actor=SYSTEM.ref)
        with pytest.raises(TypeError, match=r"incident\.opened tells IncidentFact"):
            events.publish(IncidentEvent.OPENED, [fact], NOW)

    def test_a_fact_is_the_same_after_its_second_chance(self, workspace: Workspace) -> None:
        heard: list[IncidentFact] = []

        def stumble(facts: Sequence[IncidentFact], now: datetime) -> None:
            if now == NOW:
                raise ValueError("not now")
            heard.extend(facts)

        events.subscribe(IncidentEvent.OPENED, stumble)
        try:
            incident = make_incident(workspace)
            row = PendingReaction.objects.get()
            assert events.retry(row.event, row.handler, row.facts, LATER) is None
        finally:
            events.unsubscribe(IncidentEvent.OPENED, stumble)
        (fact,) = heard
        assert (fact.incident_id, fact.actor.kind, fact.actor.label) == (
            incident.pk,
            ActorKind.SOURCE,
            "webhook:prometheus",
        )
        assert isinstance(fact.actor.kind, ActorKind)


class TestSlots:
    def test_the_most_urgent_next_step_of_all_apps_is_shown(self, world: World) -> None:
        world.levels("ana", "bo")
        incident = world.fire("cpu")
        world.phone("ana").read_all()
        (row,) = rows_of([incident], world.now)
        assert row.next.text == "waits for approval", "paging, which is first, says only who is paged in 15 minutes"
        services.approve(actor=SYSTEM, incident_id=incident.pk, now=world.now)
        (row,) = rows_of([incident], world.now)
        assert row.next.text == "pages Bo"

    def test_a_slot_of_a_name_that_is_taken_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"incident\.next"):
            slots.Slot("incident.next", list)


class TestReplyVerbs:
    def test_messages_offer_it_as_long_as_there_is_something_to_approve(
        self, workspace: Workspace, incident: Incident, ana: User
    ) -> None:
        destination = make_destination(ChannelKind.SLACK, "U1", owner=ana)
        delivery = make_delivery(incident, destination, recipient=ana)
        message = rendering.message_of(delivery, LATER)
        answer = message.answers[1]
        assert (answer.verb, answer.label, answer.key) == ("approve", "Approve the drill", "9")
        assert "aiops:approve" in orjson.dumps(blocks(message, act=True)).decode()
        services.approve(actor=actor(workspace), incident_id=incident.pk, now=LATER)
        assert "approve" not in [each.verb for each in rendering.message_of(delivery, LATER).answers]

    def test_a_button_in_slack_does_it_once(
        self, client: Client, slack_account: Provider, incident: Incident, ana: User
    ) -> None:
        destination = make_destination(ChannelKind.SLACK, "U1", owner=ana)
        delivery = make_delivery(incident, destination, recipient=ana)
        path = f"/hooks/slack/{slack_account.hook_key}"
        for _ in range(2):
            assert slack(client, path, click("aiops:approve", delivery.public_id), LATER).status_code in (200, 403)
        assert approved(incident) == "ana"
        assert TimelineEntry.objects.filter(kind="drill_approved", actor_label="ana").count() == 1

    def test_a_mail_does_it_and_is_told_what_came_of_it(
        self, client: Client, mail_account: Provider, incident: Incident, ana: User
    ) -> None:
        mailbox = make_destination(ChannelKind.EMAIL, "ana@example.com", owner=ana)
        delivery = make_delivery(incident, mailbox, recipient=ana)
        to = f"reply+{tokens.make(delivery.pk)}@in.example.com"
        raw = f"From: Ana <ana@example.com>\r\nTo: {to}\r\nSubject: Re: page\r\n\r\napprove\r\nfor the audit\r\n"
        answers = [client.post(f"/hooks/email/{mail_account.hook_key}", raw, "message/rfc822").json() for _ in range(2)]
        assert answers == [
            {"ok": True, "said": f"{incident.name} approved. The drill begins."},
            {"ok": False, "said": f"Nothing was done. {incident.name}: No drill waits for approval."},
        ]
        assert TimelineEntry.objects.get(kind="drill_approved").text == "for the audit"

    def test_a_text_message_does_it_and_help_tells_of_it(
        self, client: Client, sms_account: Provider, texted: Delivery
    ) -> None:
        path = f"/hooks/sms/{sms_account.hook_key}"

        def say(text: str) -> str:
            form = {"MessageSid": text, "From": "+15550001111", "Body": text}
            return twilio(client, path, form).content.decode()

        assert "ack, approve, resolve, escalate, snooze 2h, note ... with the number" in say("help")
        assert say("12approve").endswith("approved.\nThe drill begins.</Message></Response>")
        assert approved(texted.incident) == "ana"

    def test_a_key_in_a_call_does_it(
        self, client: Client, voice_account: Provider, incident: Incident, ana: User
    ) -> None:
        delivery = make_delivery(
            incident, make_destination(ChannelKind.VOICE, "+15550001111", owner=ana), recipient=ana
        )
        path = f"/hooks/voice/{voice_account.hook_key}?delivery={delivery.public_id}"
        form = {"CallSid": "CA1", "Digits": "9"}
        assert "approved. The drill begins." in twilio(client, path, form).content.decode()

    def test_a_signed_link_asks_does_it_and_knows_that_it_was_done(
        self, client: Client, incident: Incident, ana: User
    ) -> None:
        delivery = make_delivery(incident, make_destination(ChannelKind.SMS, "+15550001111", owner=ana), recipient=ana)
        path = links.link(
            delivery_id=delivery.pk, incident_id=incident.pk, episode=0, user_id=ana.pk, verb="approve", now=LATER
        )
        page = client.get(path).content.decode()
        assert "The drill is held at once." in page and "Anything to add?" in page and approved(incident) == ""
        assert "The drill begins." in client.post(path).content.decode()
        assert "ana approved this at" in client.get(path).content.decode()
        assert approved(incident) == "ana"

    def test_without_the_app_its_links_are_none_of_ours(
        self, client: Client, incident: Incident, toy: ToyConfig
    ) -> None:
        path = links.link(delivery_id=1, incident_id=incident.pk, episode=0, user_id=1, verb="approve", now=LATER)
        toy.gone()
        try:
            assert client.get(path).status_code == 404
        finally:
            toy.ready()

    @pytest.mark.parametrize(
        "fields",
        [
            {"word": "resolve"},
            {"word": "list"},
            {"word": "go now"},
            {"typed": ("ack",)},
            {"letter": "a"},
            {"letter": "1"},
            {"key": "4"},
            {"key": "x"},
        ],
    )
    def test_what_another_verb_has_or_nobody_could_type_is_refused(self, fields: dict[str, Any]) -> None:
        own = {"word": "defer", "letter": "d", "label": "", "effect": "", "done": "", "act": APPROVE.act}
        with pytest.raises(ValueError):
            verbs.register(verbs.ReplyVerb(**{**own, **fields}))
        assert verbs.find("defer") is None
