"""The tables of delivery, one module per aggregate."""

from __future__ import annotations

from notifications.delivery.models.delivery import Delivery, Receipt
from notifications.delivery.models.outlet import ContactRule, Destination, MessageTemplate, Provider, QuietHours

__all__ = ["ContactRule", "Delivery", "Destination", "MessageTemplate", "Provider", "QuietHours", "Receipt"]
