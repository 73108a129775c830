"""The tables of escalation, one module per aggregate."""

from __future__ import annotations

from notifications.escalation.models.policy import EscalationPolicy, PolicyVersion, ServicePolicy
from notifications.escalation.models.route import Route
from notifications.escalation.models.run import EscalationRun
from notifications.escalation.models.unreachable import UnreachableService

__all__ = ["EscalationPolicy", "EscalationRun", "PolicyVersion", "Route", "ServicePolicy", "UnreachableService"]
