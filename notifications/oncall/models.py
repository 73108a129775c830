"""Tables of on-call: schedules with rotating layers, overrides, time off, departures and swaps."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils import timezone

from aiops.access.models import Team, User, Workspace, validate_time_zone
from aiops.audit.recording import Object
from aiops.audit.snapshot import columns
from aiops.kernel import secrets
from incidents.querysets import WorkspaceQuerySet
from notifications.choices import RotationUnit, SwapState


class Calendar(models.Model):
    """A schedule's or a person's doors to calendars: a feed out behind a secret, and an address to import from, which may be a
    secret too."""

    feed_digest = models.CharField(max_length=64, unique=True, editable=False)
    feed_sealed = models.TextField(editable=False)
    import_sealed = models.TextField(blank=True, default="", db_default="", editable=False)
    imported_at = models.DateTimeField(null=True, blank=True, editable=False)
    import_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    import_error = models.TextField(blank=True, default="", db_default="", editable=False)  # of the last try
    import_note = models.TextField(
        blank=True, default="", db_default="", editable=False
    )  # what the last import left out

    class Meta:
        abstract = True

    @property
    def feed_key(self) -> str:
        """The secret part of the feed's address."""
        return secrets.unseal(self.feed_sealed)

    @property
    def import_url(self) -> str:
        """Where to import from, in clear; empty: nowhere."""
        return secrets.unseal(self.import_sealed) if self.import_sealed else ""

    @property
    def import_host(self) -> str:
        """Whose server it is imported from: what may be shown of an address that may be a secret."""
        return urlsplit(self.import_url).hostname or ""


class Schedule(Calendar):
    """An on-call schedule. At one instant it has one holder: the override, else the topmost layer with somebody on, else the
    fallback person."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedules")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    fallback = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="fallback_schedules",
        help_text="Is paged while nobody is on call.",
    )
    alert_on_gaps = models.BooleanField(
        default=True,
        db_default=True,
        verbose_name="watch for gaps",
        help_text="Open an incident when nobody is on call at some time of the next 30 days.",
    )
    # Who was the fallback person before, in order: [[user id or null, until when]]. The last one ends where this one begins.
    fallbacks_before = models.JSONField(default=list, blank=True, editable=False)
    reported_gaps = models.JSONField(
        default=list, blank=True, editable=False
    )  # the gaps that an incident was opened for
    created_at = models.DateTimeField(default=timezone.now, editable=False)  # the fallback has nothing before

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="notifications_schedule_name")]

    def __str__(self) -> str:
        return self.name

    def audit_facts(self) -> dict[str, Any]:
        """What a person sets: the schedule's own, its calendar's secrets as marks, and the layers that are not over."""
        own = ("name", "description", "team", "time_zone", "fallback", "alert_on_gaps", "feed", "import")
        told = {name: value for name, value in columns(self).items() if name in own}
        layers = self.layers.filter(retired_at=None).prefetch_related("members") if self.pk else ()
        told["layers"] = [layer.audit_facts() for layer in layers]
        return told


class PersonalCalendar(Calendar):
    """A person's own: all their shifts out, time off in."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar")

    def __str__(self) -> str:
        return f"calendar of {self.user}"


class Layer(models.Model):
    """One rotation of a schedule. Hand-overs happen at the wall-clock time of *starts_at* in the layer's zone, every *length*
    *units*; a higher *position* lies on top.

    A layer that has been on is never changed: it is retired and ends (*ends_at*) now or with the shift in progress, and a new
    one counts from then (*since*), so that who was on call stays true.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="layers")
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=200, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the schedule's.")
    length = models.PositiveSmallIntegerField(default=1)
    unit = models.CharField(max_length=8, choices=RotationUnit.choices, default=RotationUnit.WEEK)
    starts_at = models.DateTimeField()  # the first hand-over
    ends_at = models.DateTimeField(null=True, blank=True)  # half-open: from then on nobody of this layer
    since = models.DateTimeField(null=True, blank=True, editable=False)  # nobody of this layer before; empty: starts_at
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The place of whoever has the first turn: people come and go without moving anybody else's turn.
    offset = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    # The layer that this one takes over from when the shift in progress ends.
    follows = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    # [{"days": [0…6, Monday is 0], "from": "17:00", "to": "09:00"}]: only then; "to" at or before "from" is the next day.
    restrictions = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["schedule", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "position"],
                condition=models.Q(retired_at__isnull=True),
                name="notifications_layer_position",
            ),
            models.CheckConstraint(condition=models.Q(length__gte=1), name="notifications_layer_length"),
        ]

    def __str__(self) -> str:
        return self.name or f"Layer {self.position + 1}"

    def audit_facts(self) -> dict[str, Any]:
        """The rotation, and who turns in it."""
        own = ("position", "name", "time_zone", "length", "unit", "starts_at", "ends_at", "restrictions")
        told = {name: value for name, value in columns(self).items() if name in own}
        members = sorted(self.members.all(), key=lambda member: member.position)
        return told | {"members": [member.user_id for member in members]}


class LayerMember(models.Model):
    """A person's turn in a rotation. It stays when the person is deleted, keeps their number (``Departure`` has the name),
    and moves nobody else's."""

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="rotations"
    )

    class Meta:
        ordering = ["layer", "position"]
        constraints = [models.UniqueConstraint(fields=["layer", "position"], name="notifications_member_position")]

    def __str__(self) -> str:
        return f"{self.position + 1}. {called(self)}"


class Override(models.Model):
    """Somebody else has it, from *starts_at* up to, but without, *ends_at*. The one made last lies on top.

    It stays when the person is deleted, and keeps their number: who was on call stays true.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="overrides"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    import_uid = models.CharField(max_length=500, blank=True, default="", db_default="")  # of the imported event

    class Meta:
        ordering = ["starts_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="notifications_override_span"
            )
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="notifications_override_ends")]

    def __str__(self) -> str:
        return f"{called(self)} from {self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M}"

    def audit_object(self) -> Object:
        """Overrides are part of their schedule's history."""
        return Object.of(self.schedule)


class Departure(models.Model):
    """Somebody was not in a workspace (left it, was deactivated or deleted), from *left_at* up to *back_at* (empty: to this day),
    and held nothing of its schedules meanwhile. What they had before is theirs.

    The person may be gone: the number stays, and what is needed to tell who it was.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="departures")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="departures"
    )
    name = models.CharField(max_length=320, blank=True)  # empty: it was forgotten
    time_zone = models.CharField(max_length=64, default="UTC")
    left_at = models.DateTimeField()
    back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-left_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user"],
                condition=models.Q(back_at__isnull=True),
                name="notifications_departure_open",
            )
        ]

    def __str__(self) -> str:
        return f"{called(self)} left at {self.left_at:%Y-%m-%d %H:%M}"


def called(row: LayerMember | Override | Departure) -> str:
    """The name of a row's person, who may be gone."""
    found = User.objects.filter(pk=row.user_id or 0).first()
    return found.username if found is not None else f"person {row.user_id}"


class TimeOff(models.Model):
    """A person is away. It warns, and never by itself takes a page from anybody."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="time_off")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    import_uid = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["starts_at", "id"]
        verbose_name_plural = "time off"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="notifications_timeoff_span"
            )
        ]
        indexes = [models.Index(fields=["user", "ends_at"], name="notifications_timeoff_ends")]

    def __str__(self) -> str:
        return f"{self.user} away from {self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"


class ShiftSwap(models.Model):
    """*requester* asks for somebody to take a stretch of a schedule; whoever accepts first gets an override."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="swaps")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="swaps_asked")
    candidate = models.ForeignKey(  # empty: anybody of the schedule
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="swaps_offered"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=12, choices=SwapState.choices, default=SwapState.OPEN)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="swaps_taken"
    )
    override = models.OneToOneField(Override, null=True, blank=True, on_delete=models.SET_NULL, related_name="swap")
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="notifications_swap_span"
            )
        ]

    def __str__(self) -> str:
        return f"{self.requester} asks for {self.starts_at:%Y-%m-%d %H:%M}"

    def audit_object(self) -> Object:
        """Swaps are part of their schedule's history."""
        return Object.of(self.schedule)
