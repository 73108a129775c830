"""OpenAPI of the addresses that are no dialect's: providers' hooks, signed links and calendar feeds."""

from __future__ import annotations

from typing import Any

JSON, FORM, MAIL = "application/json", "application/x-www-form-urlencoded", "message/rfc822"
HTML, XML, CALENDAR, TEXT = "text/html", "text/xml", "text/calendar", "text/plain"
Operation = dict[str, Any]

REFUSALS = {
    "400": ("The body is not what this provider sends. The text says what was expected.", "The body is not valid JSON"),
    "403": ("The signature is missing, wrong or too old.", "The signature does not fit the body"),
    "404": ("No account has this address.", "There is no account with this address"),
    "413": ("The body is too large.", "Expected at most 262144 bytes"),
    "503": ("The database is away; `Retry-After` says in how many seconds to come again.", "Send this again"),
}


def with_hooks(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The generated schema, and the operations of this module."""
    result["paths"] |= PATHS
    return result


def _content(media_type: str, example: Any) -> dict[str, Any]:
    shape: dict[str, Any] = (
        {"type": "object"} if isinstance(example, dict) and media_type == JSON else {"type": "string"}
    )
    if media_type == FORM:
        shape = {"type": "object", "additionalProperties": {"type": "string"}}
    return {media_type: {"schema": shape, "examples": {"example": {"value": example}}}}


def _part(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


KEY = _part("key", "The secret part of the address, from the account's page in the console.")
TOKEN = _part("token", "The signed token of the link. It is the credential.")
DELIVERY = {
    "name": "delivery",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The id of the delivery (`dlv-…`) that the text or call belongs to.",
}


def _hook(
    kind: str,
    summary: str,
    description: str,
    sent: tuple[str, Any],
    answered: tuple[str, Any],
    parameters: tuple[dict[str, Any], ...] = (),
) -> Operation:
    """What a provider posts to ``/hooks/<kind>/{key}``."""
    refusals = {
        status: {"description": when, "content": _content(JSON, {"detail": text})}
        for status, (when, text) in REFUSALS.items()
    }
    return {
        "post": {
            "operationId": f"hooks_{kind}",
            "tags": ["hooks"],
            "summary": summary,
            "description": description,
            "security": [],
            "parameters": [KEY, *parameters],
            "requestBody": {"content": _content(*sent), "required": True},
            "responses": {"200": {"description": "OK", "content": _content(*answered)}} | refusals,
        }
    }


def _page(media_type: str, **pages: tuple[str, str]) -> dict[str, Any]:
    """Responses that are pages or files: ``s200=(when, example)``."""
    return {
        status[1:]: {"description": when, "content": _content(media_type, example)}
        for status, (when, example) in pages.items()
    }


TWILIO_SIGNATURE = _header("X-Twilio-Signature", "Twilio's signature of the address and the form.")
SIGNED_MAIL = _hook(
    "email",
    "Receive a mail reply",
    "Take a mail that answers a page: raw, or in the form or JSON of a mail gateway. A reply that is refused is a 200, too, "
    "with `ok: false`, so that the gateway does not send it again.",
    (FORM, {"from": "dave@example.com", "recipient": "reply+a1b2@noc.example.com", "body-plain": "ack"}),
    (JSON, {"ok": True, "said": "INC-20260319-001 is yours."}),
)
LINK_ENDS = _page(
    HTML,
    s200=("The page of the link, or the answer to it.", "<!doctype html>…"),
    s403=("The link went to a shared place, or the person may not do it.", "<!doctype html>…"),
    s404=("The link was not made here, or has been changed.", "<!doctype html>…"),
    s409=("The link was used before, or the incident's state does not allow it.", "<!doctype html>…"),
    s410=("The link is too old, or from an earlier episode of the incident.", "<!doctype html>…"),
)

PATHS: dict[str, dict[str, Any]] = {
    "/hooks/slack/{key}": _hook(
        "slack",
        "Receive a Slack action",
        "Take a click on a button, or the slash command `/aiops`. The answer is shown to the person alone.",
        (FORM, {"command": "/aiops", "text": "ack INC-20260319-001", "user_id": "U024BE7LH"}),
        (JSON, {"response_type": "ephemeral", "text": "INC-20260319-001 is yours."}),
        (
            _header("X-Slack-Signature", "Slack's signature of the body."),
            _header("X-Slack-Request-Timestamp", "When Slack sent it, in seconds since 1970."),
        ),
    ),
    "/hooks/email/{key}": SIGNED_MAIL,
    "/hooks/email/{key}/mime": _hook(
        "email_mime",
        "Receive a raw mail reply",
        "Take a mail that answers a page, as a raw message. Mailgun posts raw messages to addresses that end in `mime` only.",
        (MAIL, "From: dave@example.com\r\nSubject: Re: [INC-20260319-001]\r\n\r\nack\r\n"),
        (JSON, {"ok": True, "said": "INC-20260319-001 is yours."}),
    ),
    "/hooks/pagerduty/{key}": _hook(
        "pagerduty",
        "Receive a PagerDuty event",
        "Take an event of PagerDuty's v3 webhooks. The address is the credential.",
        (JSON, {"event": {"event_type": "incident.acknowledged", "data": {"id": "PD12345"}}}),
        (
            JSON,
            {
                "ok": True,
                "event_type": "incident.acknowledged",
                "pd_incident_id": "PD12345",
                "local_incident_id": "inc-0000002a",
                "action_taken": "acknowledged",
            },
        ),
        (
            _header(
                "X-PagerDuty-Signature", "PagerDuty's signature of the body, where the account has a webhook secret."
            ),
        ),
    ),
    "/hooks/telegram/{key}": _hook(
        "telegram",
        "Receive a Telegram message",
        "Take what a person writes to the bot. The answer is in the response.",
        (JSON, {"update_id": 7, "message": {"text": "ack", "chat": {"id": 42, "type": "private"}}}),
        (JSON, {"method": "sendMessage", "chat_id": 42, "text": "INC-20260319-001 is yours."}),
        (_header("X-Telegram-Bot-Api-Secret-Token", "The account's webhook secret, where it has one."),),
    ),
    "/hooks/sms/{key}": _hook(
        "sms",
        "Receive a text message or its state",
        "Take a text that a person sends back, or what became of a text that we sent.",
        (FORM, {"From": "+15551234567", "Body": "12 ack", "MessageSid": "SM1"}),
        (XML, "<Response><Message>INC-20260319-001 is yours.</Message></Response>"),
        (TWILIO_SIGNATURE, DELIVERY),
    ),
    "/hooks/voice/{key}": _hook(
        "voice",
        "Receive a pressed key or a call's state",
        "Take the key that a person pressed during a call (4 acknowledges, 6 resolves, 8 escalates), or what became of the call.",
        (FORM, {"Digits": "4", "CallSid": "CA1"}),
        (XML, "<Response><Say>The incident is yours. Goodbye.</Say></Response>"),
        (TWILIO_SIGNATURE, DELIVERY),
    ),
    "/respond/{token}": {
        "get": {
            "operationId": "links_show",
            "tags": ["hooks"],
            "summary": "Open a signed link",
            "description": "Show what the link would do and where the incident stands. It changes nothing.",
            "security": [],
            "parameters": [TOKEN],
            "responses": LINK_ENDS,
        },
        "post": {
            "operationId": "links_use",
            "tags": ["hooks"],
            "summary": "Use a signed link",
            "description": "Do what the link says, once, as the person to whom it was sent.",
            "security": [],
            "parameters": [TOKEN],
            "requestBody": {"content": _content(FORM, {"argument": "Rolled back v2.4.0"})},
            "responses": LINK_ENDS | _page(HTML, s400=("The text or the duration can't be read.", "<!doctype html>…")),
        },
    },
    "/oncall/feeds/{key}.ics": {
        "get": {
            "operationId": "calendar_feed",
            "tags": ["hooks"],
            "summary": "Get a calendar feed",
            "description": "The shifts of a schedule or of a person as iCalendar. The address is the credential.",
            "security": [],
            "parameters": [
                _part("key", "The secret part of the address, from the schedule's page or *My notifications*.")
            ],
            "responses": _page(CALENDAR, s200=("OK", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n…"))
            | _page(TEXT, s404=("No calendar has this address.", "There is no such calendar.")),
        }
    },
}
