"""Workspaces, the people in them, and the keys that integrations use."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

from aiops.access.actors import Role
from aiops.audit.recording import Object
from aiops.kernel.validation import zones

ROLE_CHOICES = [(role.value, role.word) for role in Role]


def validate_time_zone(value: str) -> None:
    """An IANA zone name such as Europe/Berlin."""
    if value not in zones():
        raise ValidationError(
            "%(value)s is no IANA time zone; expected a name such as Europe/Berlin.", params={"value": value}
        )


class User(AbstractUser):
    """A person. Signs in with the username; is told things at the e-mail address, in the own time zone."""

    email = models.EmailField("e-mail address", blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])

    class Meta:
        ordering = ["username"]

    @property
    def display_name(self) -> str:
        """The full name when there is one, else the username."""
        return self.get_full_name() or self.username


class Workspace(models.Model):
    """A tenant: everything belongs to exactly one, and nobody sees into another."""

    slug = models.CharField(
        "id",
        max_length=64,
        unique=True,
        help_text="The id in APIs, such as ws-acme.",
    )
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(Lower("name"), name="access_workspace_name")]

    def __str__(self) -> str:
        return self.name

    def audit_object(self) -> Object:
        """A workspace's own events are its own."""
        return Object("workspace", str(self.pk), self.name, self.pk)


class Team(models.Model):
    """A group of people that owns services."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(User, blank=True, related_name="teams")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="access_team_name")]

    def __str__(self) -> str:
        return self.name

    def audit_facts(self) -> dict[str, Any]:
        """The team and who is in it."""
        members = self.members.order_by("pk").values_list("pk", flat=True) if self.pk else ()
        return {"name": self.name, "members": list(members)}


class Membership(models.Model):
    """A person's role in a workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=ROLE_CHOICES, default=Role.VIEWER.value)

    class Meta:
        ordering = ["workspace", "user"]
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="access_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.workspace} · {Role(self.role).word}"


class ApiKey(models.Model):
    """A credential of an integration. The key itself is shown once and never stored; we keep its HMAC."""

    name = models.CharField(max_length=200, help_text="What uses it.")
    workspace = models.ForeignKey(
        Workspace,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text="Empty: every workspace; a workspace that it names first is then created.",
    )
    role = models.PositiveSmallIntegerField(choices=ROLE_CHOICES, default=Role.OPERATOR.value)
    prefix = models.CharField(max_length=12, editable=False, help_text="The first characters, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
