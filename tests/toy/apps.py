from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

from aiops.kernel import events, outbox
from aiops.kernel.outbox import Duty
from incidents.core import timeline
from incidents.core.events import IncidentEvent
from incidents.core.timeline import Kind
from incidents.response import slots
from notifications.delivery import verbs
from notifications.delivery.verbs import On, ReplyVerb
from tests.toy import services
from tests.toy.models import Drill


def _approve(on: On, text: str, via: str) -> None:
    services.approve(**on, reason=text or via)


def _move(by: timedelta, now: object) -> None:
    for drill in Drill.objects.filter(due_at__gt=now):
        drill.due_at -= by
        drill.save(update_fields=["due_at"])


KINDS = (
    Kind(
        word="drill_approved",
        label="Drill approved",
        v1_type="Drill",
        v1_source="drill-manager",
        sentence=lambda entry: f"{entry.actor_label} approved the drill",
        tone="act",
    ),
    Kind(word="drill_held", label="Drill held", v1_type="Drill", tone="done"),
)
APPROVE = ReplyVerb(
    word="approve",
    letter="p",
    key="9",
    label="Approve the drill",
    effect="The drill is held at once.",
    done="approved",
    then="The drill begins.",
    asks="Anything to add?",
    act=_approve,
    is_offered=services.waits,
)


class ToyConfig(AppConfig):
    name = "tests.toy"
    label = "toy"

    def ready(self) -> None:
        for kind in KINDS:
            timeline.register(kind)
        events.subscribe(IncidentEvent.OPENED, services.plan)
        slots.NEXT.fill(services.next_steps)
        verbs.register(APPROVE)
        outbox.register(Duty(task=services.TASK, every=5, clock_went_back=_move))

    def gone(self) -> None:
        """Take everything back, as if it had never been installed."""
        for kind in KINDS:
            timeline.unregister(kind.word)
        events.unsubscribe(IncidentEvent.OPENED, services.plan)
        slots.NEXT.empty(services.next_steps)
        verbs.unregister(APPROVE.word)
        outbox.unregister(services.TASK)
