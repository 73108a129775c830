"""The table of deliveries: one row for each intended message, from intent to receipt."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from aiops.access.models import Workspace
from incidents.core.models import Incident
from notifications.choices import ON_ITS_WAY, WAITING, ChannelKind, DeliveryState, Purpose, Rank, Urgency
from notifications.delivery.models.outlet import Destination
from notifications.querysets import DeliveryQuerySet


class Delivery(models.Model):
    """A message that is to reach somebody. Written in the transaction of what caused it, sent by a worker afterwards.

    The unique key is what keeps a message from being sent twice, while repeats (another *round*), second phones (another
    *destination*) and stand-downs (another *purpose*) still go.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    incident = models.ForeignKey(
        Incident, null=True, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    episode = models.PositiveSmallIntegerField(default=0, db_default=0)
    round = models.PositiveIntegerField(default=0, db_default=0)
    step = models.SmallIntegerField(default=-1, db_default=-1)  # of the policy; -1: none
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    recipient = models.ForeignKey(  # None: a shared destination; it keeps the number of somebody who was deleted
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="deliveries"
    )
    destination = models.ForeignKey(Destination, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    kind = models.CharField(max_length=16, choices=ChannelKind.choices)
    urgency = models.CharField(max_length=8, choices=Urgency.choices, default=Urgency.HIGH)
    rank = models.PositiveSmallIntegerField(choices=Rank.choices, default=Rank.PAGE)
    data = models.JSONField(
        default=dict
    )  # what the incident does not say: the text of a test, the step's name, who resolved it

    state = models.CharField(max_length=20, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    reason = models.CharField(max_length=500, blank=True, default="", db_default="")  # why not sent, or the last error
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    maybe_twice = models.BooleanField(
        default=False, db_default=False
    )  # a worker died in the one window where nobody can know
    digest = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="bundled"
    )  # went with that one
    provider_ref = models.CharField(max_length=300, blank=True, default="", db_default="")  # how the provider calls it
    said = models.CharField(max_length=32, blank=True, default="", db_default="")  # digest of the words that were sent
    reply_code = models.PositiveSmallIntegerField(null=True)  # what an SMS reply says to mean this one

    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "episode", "round", "step", "purpose", "recipient", "destination"],
                condition=models.Q(incident__isnull=False),
                nulls_distinct=False,
                name="notifications_delivery_once",
            )
        ]
        indexes = [
            # The sender reads what is due, first pages first; and what a dead worker left.
            models.Index(
                fields=["rank", "due_at"], condition=models.Q(state__in=WAITING), name="notifications_delivery_due"
            ),
            models.Index(
                fields=["claimed_until"], condition=models.Q(state="sending"), name="notifications_delivery_left"
            ),
            models.Index(
                fields=["destination", "rank"],
                condition=models.Q(state__in=ON_ITS_WAY),
                name="notifications_delivery_to",
            ),
            models.Index(fields=["workspace", "-id"], name="notifications_delivery_log"),
            models.Index(
                fields=["kind", "provider_ref"], condition=~models.Q(provider_ref=""), name="notifications_delivery_ref"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.purpose} {self.state}"

    @property
    def public_id(self) -> str:
        """The id in APIs, logs and to providers: ``dlv-…``."""
        return f"dlv-{self.pk:08x}"


class Receipt(models.Model):
    """What a provider said of a delivery, in the order in which it came."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="receipts")
    at = models.DateTimeField()
    state = models.CharField(max_length=20, choices=DeliveryState.choices)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.state} {self.detail}"
