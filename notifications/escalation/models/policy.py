"""Tables of escalation policies, their immutable versions, and the policy of each service."""

from __future__ import annotations

from typing import Any

from django.db import models

from aiops.access.models import Workspace
from aiops.audit.snapshot import columns
from incidents.catalogue.models import Service
from incidents.querysets import ListedQuerySet


class EscalationPolicy(models.Model):
    """A named escalation policy. What it says is in its newest version; a run keeps the version with which it began.

    A service's own policy comes first, then the workspace's enabled policies that name the severity, then its default one.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="escalation_policies")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, help_text="For services without a policy of their own.")
    # Words: used for these where a service has no policy of its own; none: only for services that name it, or as the default.
    severities = models.JSONField(default=list, blank=True)
    is_system = models.BooleanField(default=False, db_default=False, editable=False)  # that of proofs: in no list
    version = models.ForeignKey("PolicyVersion", null=True, on_delete=models.PROTECT, related_name="+", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ListedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "escalation policies"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="notifications_policy_name"),
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(is_default=True), name="notifications_policy_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def audit_facts(self) -> dict[str, Any]:
        """The policy, and what its newest version says."""
        version = self.version
        told = {"version": version.number, "definition": version.definition} if version is not None else {}
        return {**columns(self), "version": None, "definition": None, **told}


class PolicyVersion(models.Model):
    """What a policy said from a moment on; never changed. *definition* is what ``escalation.Definition`` reads."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)

    class Meta:
        ordering = ["policy", "-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="notifications_version_number")]

    def __str__(self) -> str:
        return f"version {self.number}"


class ServicePolicy(models.Model):
    """The policy that a service uses instead of the workspace's."""

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="services")

    class Meta:
        verbose_name = "policy of a service"
        verbose_name_plural = "policies of services"

    def __str__(self) -> str:
        return f"{self.service} → {self.policy}"
