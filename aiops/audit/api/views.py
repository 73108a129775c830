"""v1: ``/api/v1/audit`` and ``/api/v1/audit/export``. A viewer may read both; an export is an event itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api import v1
from aiops.api.schema import operation, query
from aiops.api.v1 import API_VERSION, Page, V1View
from aiops.audit.api import vocab
from aiops.audit.api.examples import EXPORT, LIST
from aiops.audit.api.serializers import AuditEventExportOut, AuditEventItem, AuditLogListOut
from aiops.audit.models import AuditEvent, AuditEventQuerySet
from aiops.audit.recording import Object, record
from aiops.kernel.clock import rfc3339
from aiops.kernel.errors import InvalidInput

MOST = 10_000  # events of one export
FILTERS = [
    query("action", "Exactly this action, such as `incident.resolve`."),
    query("type", "Exactly this event type, such as `issue_resolved`.", enum=list(dict.fromkeys(vocab.EVENT_TYPES))),
    query("severity", "Exactly this severity.", enum=list(vocab.SEVERITIES)),
    query("user", "The name of who did it, in upper or lower case."),
    query("resource", "The name of the object, such as `INC-20260319-001`."),
    query("resourceType", "The kind of the object, such as `incident` or `escalation_policy`."),
    query("namespace", "The object's namespace."),
    query("from", "At this time or later: RFC 3339, with a zone."),
    query("to", "Before this time: RFC 3339, with a zone."),
]
PAGING = [
    query("page", "The number of the page, from 1. Default 1.", int),
    query("pageSize", "How many items a page has, 1 to 100. Default 20.", int),
]


class AuditView(V1View):
    """Base of both: the events that the caller may see and asks for, newest first."""

    def rows(self) -> AuditEventQuerySet:
        rows = AuditEvent.objects.visible_to(self.actor).order_by("-pk")
        asked = {filter.name: self.params.get(filter.name, "").strip() for filter in FILTERS}
        equal = {
            "action": "verb",
            "user": "actor_label__iexact",
            "resource": "object_name",
            "resourceType": "object_kind",
        }
        for name, column in equal.items():
            if asked[name]:
                rows = rows.filter(**{column: asked[name]})
        if asked["namespace"]:
            plain = "" if asked["namespace"] == "default" else asked["namespace"]
            rows = rows.filter(namespace__in={plain, asked["namespace"]})
        if asked["type"]:
            rows = rows.filter(vocab.of_type(_one_of("type", asked["type"], vocab.EVENT_TYPES)))
        if asked["severity"]:
            rows = rows.filter(vocab.of_severity(_one_of("severity", asked["severity"], vocab.SEVERITIES)))
        if asked["from"]:
            rows = rows.filter(at__gte=_instant("from", asked["from"]))
        return rows.filter(at__lt=_instant("to", asked["to"])) if asked["to"] else rows


class Audit(AuditView):
    @operation("List audit events", parameters=[*FILTERS, *PAGING], answer=AuditLogListOut, answered=LIST)
    def get(self, request: Request) -> Response:
        """Who did what in the workspaces that the key may see, newest first, one page at a time."""
        page = Page.asked(self.params)
        rows = self.rows()
        items = AuditEventItem(list(page.of(rows)), many=True).data
        return Response(v1.listing("AuditLogList", list(items), rows.count(), page))


class AuditExport(AuditView):
    @operation("Export audit events", parameters=FILTERS, answer=AuditEventExportOut, answered=EXPORT)
    def get(self, request: Request) -> HttpResponse:
        """All events that fit the filters, newest first, as a file of at most 10,000; more are refused, so narrow them by `from`
        and `to`. The export itself is recorded as an event."""
        with transaction.atomic():
            items = self._items()
            self._record(len(items))
        body = {
            "apiVersion": API_VERSION,
            "kind": "AuditEventExport",
            "exportedAt": rfc3339(self.now),
            "totalCount": len(items),
            "items": items,
        }
        name = f"audit-events-{self.now:%Y%m%d-%H%M%S}.json"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return HttpResponse(orjson.dumps(body, option=orjson.OPT_INDENT_2), "application/json", headers=headers)

    def _items(self) -> list[dict[str, Any]]:
        rows = list(self.rows()[: MOST + 1])
        if len(rows) > MOST:
            raise InvalidInput(
                f"More than {MOST} events fit; an export holds at most so many",
                details="Narrow it by from and to",
                field="from",
            )
        return [dict(item) for item in AuditEventItem(rows, many=True).data]

    def _record(self, count: int) -> None:
        """The workspace's own event where the caller sees one workspace, else the installation's."""
        workspaces = self.actor.workspace_ids or ()
        about = Object("audit", "", "audit events", workspaces[0] if len(workspaces) == 1 else None)
        filters = {name: value for name, value in self.params.items() if name != "api_key"}
        record(
            "audit.export", actor=self.actor, object=about, now=self.now, after={"events": count, "filters": filters}
        )


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise InvalidInput(
            f"{name} must be one of: {', '.join(dict.fromkeys(words))}", details=f"Got {word[:40]!r}", field=name
        )
    return word


def _instant(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        expected = f"{name} must be an instant in RFC 3339 with a zone, such as 2026-03-19T14:30:00Z"
        raise InvalidInput(expected, details=f"Got {text[:40]!r}", field=name)
    return found
