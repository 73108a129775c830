"""Secrets in bodies that nobody could read are hidden, in whatever form they stand, and the rest stays readable."""

from __future__ import annotations

import json

import pytest

from aiops.kernel.redaction import redact

JSON = '{"event": "trigger", "routing_key": "s3cr3t-value", "title": "disk"}'


@pytest.mark.parametrize(
    "body",
    [
        JSON,
        JSON[:45],  # cut off within the secret
        JSON.replace(": ", ":").replace('"disk"', '"disk'),
        json.dumps(JSON),
        json.dumps(json.dumps({"payload": JSON})),
        '{"auth": {"apiKey": "s3cr3t-value"}}',
        '{"X-API-KEY" :\n\t"s3cr3t-value"}',
        '{"client_secret": ["s3cr3t-value"]}',
        '{"slackToken": "s3cr3t-value"}',
        '{"password": "s3cr3t-\\"value"}',
        "{'db_password': 's3cr3t-value'}",
        "routing_key=s3cr3t-value&title=x",
        "payload=%7B%22routing_key%22%3A%22s3cr3t-value%22%7D",
        "title=x&api_key=s3cr3t-value",
        "Authorization: Bearer s3cr3t-value",
        '{"Authorization": "Basic s3cr3t-value"}',
        '{"header": "Api-Key s3cr3t-value"}',
        "<auth><routing-key>s3cr3t-value</routing-key></auth>",
        "{&quot;token&quot;: &quot;s3cr3t-value&quot;}",
        'name="routing_key"\r\n\r\ns3cr3t-value\r\n--boundary',
        "https://noc:s3cr3t-value@example.com/hook",
        "https://aiops.example.com/in/s3cr3t-value-of-a-source",
        "password = s3cr3t-value",
    ],
)
def test_no_form_of_a_body_keeps_its_secret(body: str) -> None:
    assert b"s3cr3t-value" not in redact(body.encode())
    for encoding in ("utf-16", "utf-32"):
        assert b"s3cr3t-value" not in redact(body.encode(encoding)).replace(b"\0", b"")


def test_our_own_keys_are_known_by_their_shape() -> None:
    assert b"0123" not in redact(b'{"text": "use ak_0123456789abcdef0123456789abcdef"}')


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"routing_key": "x1", "password": 12345}', {"routing_key": "***", "password": "***"}),
        ('{"token": null, "secret": true}', {"token": None, "secret": True}),
        ('{"dedup_key": "a", "key": "b", "monkey": "c"}', {"dedup_key": "a", "key": "b", "monkey": "c"}),
        ('{"title": "tokens ran out", "labels": {"pod": "x"}}', {"title": "tokens ran out", "labels": {"pod": "x"}}),
    ],
)
def test_json_stays_json_and_what_is_no_secret_stays(body: str, kept: dict[str, object]) -> None:
    assert json.loads(redact(body.encode())) == kept
