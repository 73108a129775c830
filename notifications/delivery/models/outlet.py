"""Tables of destinations: provider accounts, addresses, contact rules, quiet hours and message templates."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.db import models

from aiops.access.models import Workspace
from aiops.audit.snapshot import mark
from aiops.kernel import secrets
from incidents.querysets import WorkspaceQuerySet
from notifications.choices import ChannelKind, Purpose, Urgency
from notifications.querysets import DestinationQuerySet


class Provider(models.Model):
    """An account through which a channel sends: an SMTP server, a Slack app, a Twilio account. Its settings are sealed.

    A workspace's default one of a kind serves destinations that name none.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="providers")
    kind = models.CharField(max_length=16, choices=ChannelKind.choices)
    name = models.CharField(max_length=200)
    is_default = models.BooleanField(default=True)
    settings_sealed = models.TextField(editable=False)
    hook_digest = models.CharField(max_length=64, unique=True, editable=False)
    hook_sealed = models.TextField(editable=False)  # the secret of the address at which the provider answers us
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind", "name"], name="notifications_provider_name"),
            models.UniqueConstraint(
                fields=["workspace", "kind"], condition=models.Q(is_default=True), name="notifications_provider_default"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"

    def audit_facts(self) -> dict[str, Any]:
        """The account's settings one by one, so that it shows which of them changed; all but switches are marks."""
        told = {name: mark(str(value)) if value else value for name, value in self.settings.items()}
        return {"kind": self.kind, "name": self.name, "is_default": self.is_default, "settings": told}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in clear; empty when they were sealed under a key that is no longer known."""
        return dict(orjson.loads(secrets.unseal(self.settings_sealed) or "{}"))

    @property
    def hook_key(self) -> str:
        """The secret part of the address at which the provider answers us."""
        return secrets.unseal(self.hook_sealed)


class Destination(models.Model):
    """A configured address: shared by a workspace (a Slack channel), or a person's own (a phone). Exactly one of the two.

    The address is sealed; *label* is what people recognise it by. One that failed for good carries *broken_at* until somebody
    mends or re-verifies it. *failures* and *open_until* are the circuit breaker.
    """

    workspace = models.ForeignKey(
        Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="destinations"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="destinations"
    )
    kind = models.CharField(max_length=16, choices=ChannelKind.choices)
    provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="destinations",
        help_text="Empty: the workspace's default of this kind.",
    )
    label = models.CharField(max_length=200)
    address_sealed = models.TextField(editable=False)
    address_digest = models.CharField(max_length=64, editable=False)  # to find it by what a provider calls it
    secret_sealed = models.TextField(blank=True, editable=False)  # of signed webhooks
    enabled = models.BooleanField(default=True)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    verify_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    verify_expires_at = models.DateTimeField(null=True, editable=False)
    verify_tries = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    broken_at = models.DateTimeField(null=True, blank=True, editable=False)
    broken_reason = models.TextField(blank=True, default="", db_default="", editable=False)
    failures = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)  # in a row
    open_until = models.DateTimeField(null=True, editable=False)  # the breaker lets nothing through before
    burst_began_at = models.DateTimeField(null=True, editable=False)  # the throttle's window, and what it let through
    burst = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    critical_burst = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)  # of critical pages
    is_system = models.BooleanField(default=False, db_default=False, editable=False)  # the log of proofs: in no list
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        ordering = ["label"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(workspace__isnull=True) ^ models.Q(owner__isnull=True),
                name="notifications_destination_whose",
            ),
            models.UniqueConstraint(
                fields=["workspace", "owner", "kind", "address_digest"],
                nulls_distinct=False,
                name="notifications_destination_once",
            ),
        ]
        indexes = [models.Index(fields=["kind", "address_digest"], name="notifications_destination_find")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.label}"

    def audit_facts(self) -> dict[str, Any]:
        """What people set. The address, which may be a secret, is a mark."""
        return {
            "kind": self.kind,
            "label": self.label,
            "address": mark(self.address),
            "owner": self.owner_id,
            "provider": self.provider_id,
            "enabled": self.enabled,
            "verified": self.verified_at is not None,
            "broken": self.broken_at is not None,
        }

    @property
    def problem(self) -> str:
        """Why nothing may be sent there ("it is not verified"); "" when it may. ``DestinationQuerySet.usable`` in SQL."""
        if not self.enabled:
            return "it is switched off"
        if self.broken_at is not None:
            return (
                f"it failed for good: {self.broken_reason.rstrip('.')}" if self.broken_reason else "it failed for good"
            )
        return "" if self.verified_at is not None else "it is not verified"

    @property
    def address(self) -> str:
        """The address in clear."""
        return secrets.unseal(self.address_sealed)

    @property
    def secret(self) -> str:
        """The signing secret in clear, "" where there is none."""
        return secrets.unseal(self.secret_sealed) if self.secret_sealed else ""


class ContactRule(models.Model):
    """ "Call me" rule: when a page of this urgency reaches me, use this destination after so many minutes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contact_rules")
    urgency = models.CharField(max_length=8, choices=Urgency.choices, default=Urgency.HIGH)
    delay_minutes = models.PositiveSmallIntegerField(default=0)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="contact_rules")

    class Meta:
        ordering = ["user", "urgency", "delay_minutes", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "urgency", "delay_minutes", "destination"], name="notifications_rule_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.destination} after {self.delay_minutes} min"


class QuietHours(models.Model):
    """When low-urgency messages wait, by the person's own clock. Pages of high urgency always come through."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiet_hours")
    begins = models.TimeField()
    ends = models.TimeField()  # at or before *begins*: on the next day
    days = models.JSONField(default=list)  # 0…6, Monday is 0: the days on which they begin; empty: every day

    class Meta:
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"{self.user}: {self.begins:%H:%M}–{self.ends:%H:%M}"


class MessageTemplate(models.Model):
    """What messages of a channel say, where a workspace wants other words than ours. Jinja2, sandboxed."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="message_templates")
    kind = models.CharField(max_length=16, choices=ChannelKind.choices)
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    subject = models.TextField(blank=True)
    body = models.TextField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "purpose"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind", "purpose"], name="notifications_template_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.get_purpose_display()}"
