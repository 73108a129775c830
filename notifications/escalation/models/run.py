from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from aiops.access.models import Workspace
from incidents.core.models import Incident
from incidents.querysets import WorkspaceQuerySet
from notifications.choices import RunState, WakeReason
from notifications.escalation.models.policy import PolicyVersion
from notifications.escalation.moves import Position


class EscalationRun(models.Model):
    """The escalation of one episode of an incident, over a frozen version of a policy. ``next_step_at`` is its only clock.

    *step* is the index of the step that runs next; *round* counts every time that steps are gone through again (repeats of the
    policy or of a step, resumptions), so that each wave of messages is a new one; *level* is the step told last. What an event
    does to ``state`` and ``next_step_at`` is in ``run_lifecycle``.
    """

    # No constraints on these: rows are made in bulk in the transaction that made the incident.
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="escalation_runs", db_constraint=False, db_index=False
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(  # None: no policy; only routes are told
        PolicyVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )
    episode = models.PositiveSmallIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.ACTIVE)
    announced_at = models.DateTimeField(null=True)  # when the routes were told; a rise has them asked anew
    step = models.PositiveSmallIntegerField(default=0, db_default=0)
    level = models.PositiveSmallIntegerField(null=True)  # None: nobody was told yet
    round = models.PositiveIntegerField(default=0, db_default=0)
    cycle = models.PositiveSmallIntegerField(default=0, db_default=0)  # how often the whole policy was gone through
    repeats = models.PositiveSmallIntegerField(default=0, db_default=0)  # of the current level
    next_step_at = models.DateTimeField(null=True)
    wake = models.CharField(max_length=16, choices=WakeReason.choices, default=WakeReason.OPENED)
    started_at = models.DateTimeField()
    level_at = models.DateTimeField(null=True)  # when that level was told
    notified_steps = models.PositiveIntegerField(default=0, db_default=0)  # bit n: step n was told in this cycle
    risen = models.BooleanField(
        default=False, db_default=False
    )  # severity or priority rose since policy and steps were asked
    forced = models.BooleanField(
        default=False, db_default=False
    )  # escalated by hand or given back: no rule by severity stops it
    anew_at = models.DateTimeField(db_default=Now())  # the stop rule's minutes count from here
    alarm_id = models.BigIntegerField(null=True)  # the internal incident that says that this run has run out
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(
        max_length=300, blank=True, default="", db_default=""
    )  # of pause, stop, exhaustion or end

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["incident", "episode"], name="notifications_run_once")]
        indexes = [
            # The sweep reads what is due and nothing else.
            models.Index(
                fields=["next_step_at"], condition=models.Q(next_step_at__isnull=False), name="notifications_run_due"
            ),
        ]

    def __str__(self) -> str:
        return f"run of {self.incident_id}, episode {self.episode}"

    @property
    def position(self) -> Position:
        """Where it stands, as the pure core takes it."""
        return Position(
            step=self.step,
            level=self.level,
            round=self.round,
            cycle=self.cycle,
            repeats=self.repeats,
            wake=WakeReason(self.wake),
            level_at=self.level_at,
            notified_steps=self.notified_steps,
            risen=self.risen,
            forced=self.forced,
        )
