"""The tables of all subjects of the app, where Django looks for them."""

from __future__ import annotations

from notifications.delivery.models.delivery import Delivery, Receipt
from notifications.delivery.models.outlet import ContactRule, Destination, MessageTemplate, Provider, QuietHours
from notifications.escalation.models.policy import EscalationPolicy, PolicyVersion, ServicePolicy
from notifications.escalation.models.route import Route
from notifications.escalation.models.run import EscalationRun
from notifications.escalation.models.unreachable import UnreachableService
from notifications.oncall.models import (
    Departure,
    Layer,
    LayerMember,
    Override,
    PersonalCalendar,
    Schedule,
    ShiftSwap,
    TimeOff,
)
from notifications.replies.models import UsedLink
from notifications.watch.models import PagingProof, SweepClock

__all__ = [
    "ContactRule",
    "Delivery",
    "Departure",
    "Destination",
    "EscalationPolicy",
    "EscalationRun",
    "Layer",
    "LayerMember",
    "MessageTemplate",
    "Override",
    "PagingProof",
    "PersonalCalendar",
    "PolicyVersion",
    "Provider",
    "QuietHours",
    "Receipt",
    "Route",
    "Schedule",
    "ServicePolicy",
    "ShiftSwap",
    "SweepClock",
    "TimeOff",
    "UnreachableService",
    "UsedLink",
]
