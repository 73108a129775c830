"""The internal source: the platform opens incidents about itself and its set-up, through ingest like any sender."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import orjson

from aiops.access.models import Workspace
from incidents.catalogue.models import Service, Source
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from incidents.choices import Priority, Severity, SignalAction, SourceKind
from incidents.contracts import Outcome, Signal
from incidents.core.models import Alert, Incident
from incidents.ingest.services.ingest import submit

SOURCE_NAME = "aiops"


def raise_internal(
    *,
    scope: str,
    workspace_id: int,
    dedup_key: str,
    title: str,
    now: datetime,
    description: str = "",
    severity: Severity = Severity.HIGH,
    signal_type: str = "",
    priority: Priority | None = None,
    service_id: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Outcome:
    """Open the workspace's internal incident of *dedup_key*, or count on the live one.

    *scope* is the app that raises it, within which *dedup_key* is unique. Without a service, the default one's; without a
    priority, the service's, or what the severity stands for.
    """
    said = {"title": title, "description": description, "severity": severity.word}
    return _submit(
        scope,
        workspace_id,
        Signal(
            action=SignalAction.TRIGGER,
            dedup_key=dedup_key[:512],
            dedup_strategy="internal",
            title=title[:500],
            description=description,
            severity=severity,
            source=SOURCE_NAME,
            signal_type=signal_type,
            labels=labels or {},
            occurred_at=now,
            raw=orjson.dumps(said),
        ),
        now,
        service_id,
        priority,
    )


def clear_internal(*, scope: str, workspace_id: int, dedup_key: str, now: datetime) -> Outcome:
    """Resolve the live internal incident of *dedup_key* that the app *scope* raised, if there is one."""
    return _submit(
        scope,
        workspace_id,
        Signal(
            action=SignalAction.RESOLVE,
            dedup_key=dedup_key[:512],
            dedup_strategy="internal",
            source=SOURCE_NAME,
            occurred_at=now,
            raw=b"{}",
        ),
        now,
        None,
    )


def remove(incident_id: int) -> None:
    """Delete a system incident with all that hangs on it, as if it had never been. Any other incident stays."""
    incident = Incident.objects.filter(pk=incident_id, is_system=True)
    Alert.objects.filter(incident_id__in=incident.values("pk")).delete()
    incident.delete()


def _submit(
    scope: str,
    workspace_id: int,
    signal: Signal,
    now: datetime,
    service_id: int | None,
    priority: Priority | None = None,
) -> Outcome:
    source = Source.objects.filter(workspace_id=workspace_id, kind=SourceKind.INTERNAL, is_default=True).first()
    services = Service.objects.filter(workspace_id=workspace_id)
    service = (services.filter(pk=service_id) if service_id else services.filter(is_default=True)).first()
    if source is None or service is None:  # a workspace from before there were internal sources
        default = ensure_workspace_defaults(Workspace.objects.get(pk=workspace_id))
        service = service or default
        source = Source.objects.get(workspace_id=workspace_id, kind=SourceKind.INTERNAL, is_default=True)
    return submit(source, [signal], now, service=service, scope=scope, priority=priority)[0]
