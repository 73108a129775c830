"""The tables of paging, one module per aggregate."""

from __future__ import annotations

from notifications.models.delivery import Delivery, Receipt
from notifications.models.outlet import ContactRule, Destination, MessageTemplate, Provider, QuietHours
from notifications.models.policy import EscalationPolicy, PolicyVersion, ServicePolicy
from notifications.models.proof import PagingProof, SweepClock
from notifications.models.route import Route
from notifications.models.run import EscalationRun
from notifications.models.schedule import (
    Departure,
    Layer,
    LayerMember,
    Override,
    PersonalCalendar,
    Schedule,
    ShiftSwap,
    TimeOff,
)
from notifications.models.unreachable import UnreachableService
from notifications.models.used_link import UsedLink

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
