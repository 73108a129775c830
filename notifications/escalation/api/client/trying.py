"""Views of ``POST /notifications/test`` and ``GET /notifications/escalation``: a test message, and a preview of an
escalation.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api.client import ClientView
from aiops.api.params import whole_number
from aiops.api.schema import operation, query
from incidents.choices import Severity
from notifications.choices import NOTIFIED
from notifications.escalation.api.client import examples
from notifications.escalation.api.client.preview import preview
from notifications.escalation.api.client.serializers import EscalationOut, SampleIn, TestIn, TestOut
from notifications.escalation.selectors.chosen_workspace import service_or_default
from notifications.escalation.services.route_test import test_routes
from notifications.escalation.services.whatif import policies_of, what_if

LONGEST = 7 * 24 * 60  # minutes that a preview looks back
SERVICE = query("service", "The service's name. An unknown one stands for the default service.")
SEVERITY = query("severity", "The severity of the incident: critical, high, warning or info.")


class Test(ClientView):
    @operation(
        "Send a test message",
        parameters=[SEVERITY, SERVICE, query("message", "The text of the message.")],
        request=TestIn,
        sent={"severity": "critical", "service": "payments", "message": "Test alert"},
        answer=TestOut,
        answered=examples.TEST,
    )
    def post(self, request: Request) -> Response:
        """Send a real message to every destination that the routes name for the service and severity, by the path of pages.

        The answer comes when each has been tried.
        """
        given: dict[str, Any] = {
            **self.fields(),
            **{name: self.params[name] for name in map(str, TestIn().fields) if name in self.params},
        }
        reader = TestIn(data=given)
        reader.is_valid(raise_exception=True)
        asked = reader.validated_data
        service, warnings = service_or_default(self.actor, asked["service"])
        severity = asked.get("severity", Severity.INFO)
        tested = test_routes(
            actor=self.actor, service=service, severity=severity, message=asked["message"], now=self.now
        )
        if not tested.deliveries:
            warnings = [*warnings, "No route leads to a destination that can be used: nobody was told."]
        body: dict[str, Any] = {
            "ok": bool(tested.deliveries) and all(delivery.state in NOTIFIED for delivery in tested.deliveries),
            "severity": severity,
            "service": service.name,
            "message": asked["message"],
            "deliveries": tested.deliveries,
            "routes": tested.tried,
            "left_out": tested.left_out,
            "warnings": warnings,
        }
        return Response(TestOut(body).data)


class Escalation(ClientView):
    @operation(
        "Preview an escalation",
        parameters=[
            SERVICE,
            query("minutes_elapsed", "Minutes since the incident opened, 0 to 10080. Default 0.", int),
            SEVERITY,
        ],
        answer=EscalationOut,
        answered=examples.ESCALATION,
    )
    def get(self, request: Request) -> Response:
        """Who would have been paged by now about an incident that opened *minutes_elapsed* ago, and who is next.

        Nobody has acknowledged that incident.
        """
        elapsed = whole_number(self.params, "minutes_elapsed", 0, 0, LONGEST)
        reader = SampleIn(data={name: self.params[name] for name in ("severity", "service") if self.params.get(name)})
        reader.is_valid(raise_exception=True)
        severity: Severity = reader.validated_data.get("severity", Severity.CRITICAL)
        service, warnings = service_or_default(self.actor, reader.validated_data["service"])
        opened_at = self.now - timedelta(minutes=elapsed)
        lines = what_if(actor=self.actor, service_id=service.pk, at=opened_at, severity=severity)
        policy = policies_of([service], severity).get(service.pk)
        body = {
            "service": service.name,
            "severity": severity,
            "policy": policy.name if policy else None,
            "minutes_elapsed": elapsed,
            "warnings": warnings,
            **preview(lines, elapsed),
        }
        return Response(EscalationOut(body).data)
