"""The view of ``POST /webhook/pagerduty``: PagerDuty's v3 webhooks with an API key."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.actors import Role
from aiops.access.authentication import IngestKeyAuthentication
from aiops.api.client import ClientView
from aiops.api.schema import operation
from aiops.kernel.errors import NotPermitted
from notifications.choices import ChannelKind
from notifications.delivery.models import Provider
from notifications.escalation.api.client import examples
from notifications.escalation.selectors.chosen_workspace import workspace_of
from notifications.replies import signatures
from notifications.replies.services import pagerduty

SIGNATURE = OpenApiParameter(
    "X-PagerDuty-Signature",
    location=OpenApiParameter.HEADER,
    description="PagerDuty's signature of the body. Checked when the workspace's PagerDuty account has a webhook secret.",
)


class PagerDutyEvent(serializers.Serializer):
    event_type = serializers.CharField()
    data = serializers.DictField(help_text="The incident, as PagerDuty writes it.")  # type: ignore[assignment]


class PagerDutyIn(serializers.Serializer):
    event = PagerDutyEvent(help_text="The event, as PagerDuty writes it.")


class PagerDutyOut(serializers.Serializer):
    ok = serializers.BooleanField()
    event_type = serializers.CharField()
    pd_incident_id = serializers.CharField(allow_null=True)
    local_incident_id = serializers.CharField(allow_null=True)
    action_taken = serializers.CharField(
        help_text="created, deduplicated, acknowledged, unacknowledged, resolved, linked (we sent it there) or ignored."
    )
    reason = serializers.CharField(required=False, help_text="Why nothing was done.")


class PagerDutyWebhook(ClientView):
    authentication_classes = (IngestKeyAuthentication,)

    @operation(
        "Receive a PagerDuty webhook",
        parameters=[SIGNATURE],
        request=PagerDutyIn,
        sent=examples.PAGERDUTY_EVENT,
        answer=PagerDutyOut,
        answered=examples.PAGERDUTY_ANSWER,
    )
    def post(self, request: Request) -> Response:
        """Take an event of PagerDuty's v3 webhooks: an act of people on an incident that we sent there, else a signal."""
        workspace = workspace_of(self.actor)
        if not self.actor.may(Role.OPERATOR, workspace.pk):
            raise NotPermitted("This key may not send events to the workspace")
        account = Provider.objects.filter(workspace=workspace, kind=ChannelKind.PAGERDUTY, is_default=True).first()
        if account and (secret := str(account.settings.get("webhook_secret", ""))):
            header = request.headers.get("X-PagerDuty-Signature", "")
            signatures.pagerduty(secret, request.body, header=header)
        encoding = request.headers.get("Content-Encoding", "")
        received = pagerduty.receive(workspace_id=workspace.pk, body=request.body, encoding=encoding, now=self.now)
        return Response(pagerduty.shown(received))
