"""The hook of PagerDuty's v3 webhooks, ``/hooks/pagerduty/<key>``. The address is the credential, and the signature
where a secret is set.

``/webhook/pagerduty`` takes them with an API key (``api/client/pagerduty.py``).
"""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse

from notifications.choices import ChannelKind
from notifications.replies import signatures
from notifications.replies.hooks.entry import Call, hook
from notifications.replies.services import pagerduty as service


@hook(ChannelKind.PAGERDUTY)
def pagerduty(call: Call) -> HttpResponse:
    """One event."""
    if secret := str(call.settings.get("webhook_secret", "")):
        signatures.pagerduty(secret, call.body, header=call.header("X-PagerDuty-Signature"))
    encoding = call.header("Content-Encoding")
    received = service.receive(workspace_id=call.workspace_id, body=call.body, encoding=encoding, now=call.now)
    return JsonResponse(service.shown(received))
