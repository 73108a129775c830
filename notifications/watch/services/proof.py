"""The proof of paging: every few minutes a synthetic incident goes the whole way, and a receipt proves that it arrived.

The way is ingest, escalation, and a destination of the kind ``log``, which confirms at once. It runs in the primary
workspace with a service, a policy and a destination of its own, so it pages nobody and no set-up can break it. After
the receipt the incident is resolved and its rows are removed. A proof that failed stays, and an internal incident
reports it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction

from aiops.access.actors import SYSTEM
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.kernel import secrets
from incidents.catalogue.models import Service
from incidents.catalogue.services import catalogue
from incidents.choices import Severity
from incidents.core.models import Incident
from incidents.ingest.services import internal
from incidents.upkeep.services import upkeep
from notifications.choices import SCOPE, ChannelKind, DeliveryState, Purpose, TargetKind
from notifications.delivery.models import Delivery, Destination
from notifications.escalation.models import EscalationPolicy, ServicePolicy
from notifications.escalation.services import policies
from notifications.watch.models import PagingProof

PATIENCE = timedelta(minutes=2)  # a page that takes longer did not get through
NAME = "aiops paging proof"  # of its service, its policy and its destination
ADDRESS = NAME
SIGNAL_TYPE = "paging_proof"
KEY = "paging proof failed"
LOCK = 0x70726F6F66  # "proof": one process at a time
ARRIVED = (DeliveryState.DELIVERED, DeliveryState.READ)


def prove(now: datetime) -> None:
    """Settle the proof that is under way, and start the next when it is time (``AIOPS_PROOF_MINUTES``; 0: never)."""
    with transaction.atomic():
        if not _mine():
            return
        open_ones = PagingProof.objects.filter(proved_at=None, failed_at=None).select_related("incident").order_by("pk")
        upkeep.each(open_ones, partial(_settle, now=now), of=_subject_of, now=now)
        if _is_time(now):
            _start(now)


def latest(workspace_ids: Collection[int] | None = None) -> datetime | None:
    """When a page was last proven to get through. The installation has one proof, whichever workspace asks."""
    newest = PagingProof.objects.filter(proved_at__isnull=False).order_by("-proved_at").first()
    return newest.proved_at if newest else None


def holds(now: datetime) -> bool:
    """Whether the last proof is young enough to believe in: less than three intervals old."""
    at, interval = latest(), timedelta(minutes=settings.AIOPS_PROOF_MINUTES)
    return at is not None and now - at < 3 * interval


def _mine() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _is_time(now: datetime) -> bool:
    if not settings.AIOPS_PROOF_MINUTES:
        return False
    since = now - timedelta(minutes=settings.AIOPS_PROOF_MINUTES)
    return not PagingProof.objects.filter(started_at__gt=since).exists()


def _start(now: datetime) -> None:
    workspace = Workspace.objects.filter(slug=PRIMARY_WORKSPACE).first()
    if workspace is None:
        return
    service = _ensure_way(workspace, now)
    proof = PagingProof.objects.create(workspace=workspace, started_at=now)
    outcome = internal.raise_internal(
        scope=SCOPE,
        workspace_id=workspace.pk,
        dedup_key=_key(proof),
        title="Proof of paging",
        description="A test of the way from an alert to a receipt. It resolves itself.",
        severity=Severity.INFO,
        signal_type=SIGNAL_TYPE,
        service_id=service.pk,
        now=now,
    )
    proof.incident_id = outcome.incident_id
    proof.save(update_fields=["incident"])


def _subject_of(proof: PagingProof) -> upkeep.Subject:
    return upkeep.Subject(f"proof:{proof.pk}", f"Proof of paging {proof.pk}", proof.workspace_id)


@transaction.atomic
def _settle(proof: PagingProof, now: datetime) -> None:
    """Whether the page has arrived; long after its time, that it has not."""
    pages = Delivery.objects.filter(incident=proof.incident, purpose=Purpose.PAGE, state__in=ARRIVED)
    arrived = pages.order_by("delivered_at").first() if proof.incident is not None else None
    if proof.incident is not None and arrived is not None:
        _succeed(proof, proof.incident.pk, arrived.delivered_at or now, now)
    elif now - proof.started_at >= PATIENCE:
        _fail(proof, now)


def _succeed(proof: PagingProof, incident_id: int, at: datetime, now: datetime) -> None:
    proof.proved_at, proof.incident = at, None
    proof.save(update_fields=["proved_at", "incident"])
    internal.clear_internal(scope=SCOPE, workspace_id=proof.workspace_id, dedup_key=_key(proof), now=now)
    internal.remove(incident_id)
    if Incident.objects.live().filter(workspace_id=proof.workspace_id, dedup_key=KEY).exists():
        internal.clear_internal(scope=SCOPE, workspace_id=proof.workspace_id, dedup_key=KEY, now=now)


def _fail(proof: PagingProof, now: datetime) -> None:
    pages = Delivery.objects.filter(incident__isnull=False, incident=proof.incident, purpose=Purpose.PAGE)
    seen = pages.order_by("-pk").first()
    if proof.incident is None:
        proof.error = "No incident was opened."
    elif seen is None:
        proof.error = "Its escalation planned no message."
    else:
        proof.error = f"{seen.public_id} is {DeliveryState(seen.state).label.lower()}. {seen.reason}".strip()
    proof.failed_at = now
    proof.save(update_fields=["failed_at", "error"])
    internal.raise_internal(
        scope=SCOPE,
        workspace_id=proof.workspace_id,
        dedup_key=KEY,
        title="Paging does not get through: a test page was not delivered",
        description=f"A synthetic incident of {proof.started_at:%Y-%m-%d %H:%M:%S} UTC led to no receipt. {proof.error}",
        severity=Severity.CRITICAL,
        signal_type="paging_proof_failed",
        now=now,
    )
    internal.clear_internal(scope=SCOPE, workspace_id=proof.workspace_id, dedup_key=_key(proof), now=now)


def _ensure_way(workspace: Workspace, now: datetime) -> Service:
    """The service, destination and policy that only proofs use; put right again where somebody changed them."""
    service = Service.objects.filter(workspace=workspace, is_system=True).first()
    if service is None:
        service = catalogue.create_service(
            actor=SYSTEM,
            workspace=workspace,
            name=NAME,
            description="The platform's own test of its paging.",
            is_system=True,
        )
    destination, _ = Destination.objects.update_or_create(
        workspace=workspace,
        owner=None,
        kind=ChannelKind.LOG,
        address_digest=secrets.digest(ADDRESS),
        defaults={"label": NAME, "enabled": True, "broken_at": None, "verified_at": now, "is_system": True},
        create_defaults={
            "label": NAME,
            "address_sealed": secrets.seal(ADDRESS),
            "verified_at": now,
            "is_system": True,
        },
    )
    step = {"name": "Proof", "targets": [{"kind": str(TargetKind.CHANNEL), "id": destination.pk}], "urgency": "low"}
    definition = {"steps": [step], "final_wait_minutes": 60}
    policy = EscalationPolicy.objects.filter(workspace=workspace, is_system=True).first()
    if policy is None:
        policy = policies.create_policy(
            actor=SYSTEM, workspace=workspace, name=NAME, definition=definition, now=now, is_system=True
        )
    else:
        policies.update_policy(actor=SYSTEM, policy_id=policy.pk, definition=definition, enabled=True, now=now)
    if not ServicePolicy.objects.filter(service=service, policy=policy).exists():
        policies.set_service_policy(actor=SYSTEM, service_id=service.pk, policy_id=policy.pk)
    return service


def _key(proof: PagingProof) -> str:
    return f"paging proof {proof.pk}"
