"""System checks of paging. Each message names the setting and how to mend it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


@register
def check_paging(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """All of them; none looks anything up."""
    return [*_outbound(), *_urls(), *_numbers()]


def _outbound() -> Iterator[CheckMessage]:
    for entry in settings.AIOPS_OUTBOUND_ALLOW:
        if not _is_network(entry) and not _HOST.fullmatch(entry):
            yield Error(
                f"AIOPS_OUTBOUND_ALLOW: {entry!r} is no host name, address or network.",
                hint="Write names, addresses or networks with commas between: mattermost.lan,10.0.0.0/8.",
                id="notifications.E001",
            )


def _urls() -> Iterator[CheckMessage]:
    smtp = settings.AIOPS_SMTP_URL
    if smtp and (urlsplit(smtp).scheme not in ("smtp", "smtps") or not urlsplit(smtp).hostname):
        yield Error(
            "AIOPS_SMTP_URL is no address of an SMTP server.",  # not shown: it may hold a password
            hint="Write smtp://user:password@host:587?from=pager@example.com, or smtps:// for TLS from the first byte.",
            id="notifications.E002",
        )
    beat = settings.AIOPS_HEARTBEAT_URL
    if beat and (urlsplit(beat).scheme not in ("http", "https") or not urlsplit(beat).hostname):
        yield Error(
            "AIOPS_HEARTBEAT_URL is no web address.",
            hint="Write https://… as your dead-man service gives it.",
            id="notifications.E003",
        )
    if settings.PRODUCTION and not settings.AIOPS_PUBLIC_URL:
        yield Info(
            "AIOPS_PUBLIC_URL is not set: links in messages lead to the address we listen on, and providers can't answer us.",
            hint="Set it to how browsers reach us, such as https://aiops.example.com.",
            id="notifications.I001",
        )


def _numbers() -> Iterator[CheckMessage]:
    bounds = {
        "AIOPS_PAGING_SECONDS": (settings.AIOPS_PAGING_SECONDS, 1, 60),
        "AIOPS_PROOF_MINUTES": (settings.AIOPS_PROOF_MINUTES, 0, 24 * 60),
        "AIOPS_DELIVERY_RETENTION_DAYS": (settings.AIOPS_DELIVERY_RETENTION.days, 1, 3650),
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= high:
            yield Error(
                f"{name} is {value}.", hint=f"Set it to a number from {low} to {high}.", id="notifications.E004"
            )


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    return True
