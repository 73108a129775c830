"""The heartbeat (dead man's switch): requests an address of the operator each minute, only while paging is known to
work.

When the platform, its workers, its proof of paging or its auditor fail, the requests stop, and the service at that
address raises the alarm.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import httpx
from django.conf import settings

from aiops.kernel import http
from aiops.kernel.errors import DomainError
from notifications.watch.services import auditor, proof

log = logging.getLogger(__name__)

AUDIT_AGE = timedelta(minutes=3)  # an auditor that was not seen for so long has found nothing because it did not look


def why_silent(now: datetime) -> str:
    """Why no heartbeat goes out at *now*; "" when all is well."""
    audited = auditor.last_audit()
    if audited is None or now - audited[0] > AUDIT_AGE:
        return "the auditor has not been seen lately"
    if audited[1]:
        return f"the auditor has found {audited[1]} incidents that paging lost sight of"
    if settings.AIOPS_PROOF_MINUTES and not proof.holds(now):
        return "paging was not proven lately"
    return ""


def beat(now: datetime) -> bool:
    """Ask ``AIOPS_HEARTBEAT_URL`` if there is one and all is well; whether it was reached."""
    if not settings.AIOPS_HEARTBEAT_URL:
        return False
    if reason := why_silent(now):
        log.warning("no heartbeat is sent: %s", reason)
        return False
    try:
        http.fetch(settings.AIOPS_HEARTBEAT_URL)
    except (httpx.HTTPError, DomainError, OSError) as error:
        log.warning("the heartbeat was not taken: %s", error)
        return False
    return True
