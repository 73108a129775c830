"""What a provider's answer, or none, means for the delivery: the same for every channel over HTTP."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import replace

import httpx
import pytest
from pytest_django import Settings

from aiops.kernel import http as outbound
from notifications.channels import CHANNELS, http_call
from notifications.channels.contracts import PermanentFailure, Sent, TemporaryFailure
from notifications.choices import ChannelKind
from tests.channels.samples import HTTP, page
from tests.patience import PATIENCE
from tests.receivers import RESET, SILENCE, Answer, Receivers, too_many

KINDS = pytest.mark.parametrize("kind", HTTP, ids=str)


def send(kind: ChannelKind, world: Receivers, http: httpx.Client) -> Sent:
    return CHANNELS[kind].send(page(), HTTP[kind].outlet(kind, world), http)


def test_every_kind_has_its_channel() -> None:
    assert set(CHANNELS) == set(ChannelKind)
    assert all(channel.kind == kind for kind, channel in CHANNELS.items())


@KINDS
def test_what_passes_is_tried_again_when_the_provider_says(
    kind: ChannelKind, receivers: Receivers, http: httpx.Client
) -> None:
    receiver = HTTP[kind].receiver(receivers)
    receiver.fail(too_many(7), Answer(503), Answer(500, b"<html>oops</html>"), Answer(408))
    for retry_after in (7.0, None, None, None):
        with pytest.raises(TemporaryFailure) as failure:
            send(kind, receivers, http)
        assert failure.value.retry_after == retry_after
        assert not failure.value.unknown
    assert isinstance(send(kind, receivers, http), Sent)
    assert len(receiver.requests) == 5


@KINDS
def test_nobody_knows_what_became_of_it_only_when_the_request_was_on_its_way(
    kind: ChannelKind, receivers: Receivers, http: httpx.Client
) -> None:
    HTTP[kind].receiver(receivers).fail(RESET)
    with pytest.raises(TemporaryFailure) as broken:
        send(kind, receivers, http)
    assert broken.value.unknown
    HTTP[kind].receiver(receivers).close()
    with pytest.raises(TemporaryFailure) as refused, outbound.client() as fresh:
        send(kind, receivers, fresh)
    assert not refused.value.unknown


def test_silence_is_unknown(receivers: Receivers, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.channels.webhook.TIMEOUT", 0.2)
    receivers.webhook.fail(SILENCE)
    with pytest.raises(TemporaryFailure) as failure:
        send(ChannelKind.WEBHOOK, receivers, http)
    assert failure.value.unknown


@KINDS
@pytest.mark.parametrize("status", [400, 404, 410, 413, 302])
def test_what_stays_is_not_tried_again(
    kind: ChannelKind, status: int, receivers: Receivers, http: httpx.Client
) -> None:
    receiver = HTTP[kind].receiver(receivers)
    receiver.fail(Answer(status, b"no", {"Location": f"{receiver.url}/elsewhere"}))
    with pytest.raises(PermanentFailure):
        send(kind, receivers, http)
    assert len(receiver.requests) == 1  # no redirect was followed


@pytest.mark.parametrize(
    ("kind", "answer", "address"),
    [
        (ChannelKind.WEBHOOK, Answer(410), True),
        (ChannelKind.WEBHOOK, Answer(401), True),
        (ChannelKind.WEBHOOK, Answer(422), False),
        (ChannelKind.SLACK, Answer(200, {"ok": False, "error": "channel_not_found"}), True),
        (ChannelKind.SLACK, Answer(200, {"ok": False, "error": "is_archived"}), True),
        (ChannelKind.SLACK, Answer(200, {"ok": False, "error": "invalid_auth"}), False),
        (ChannelKind.SLACK, Answer(200, {"ok": False, "error": "token_revoked"}), False),
        (ChannelKind.SLACK, Answer(200, b"<html>"), False),
        (ChannelKind.TEAMS, Answer(404, {"error": {"code": "WorkflowNotFound"}}), True),
        (ChannelKind.TEAMS, Answer(400), False),
        (ChannelKind.MATTERMOST, Answer(400, {"message": "Invalid webhook"}), True),
        (ChannelKind.MATTERMOST, Answer(400, {"message": "Couldn't find the channel."}), True),
        (ChannelKind.MATTERMOST, Answer(400, {"message": "Unable to parse"}), False),
        (ChannelKind.DISCORD, Answer(404, {"message": "Unknown Webhook", "code": 10015}), True),
        (ChannelKind.DISCORD, Answer(400, {"message": "Invalid Form Body"}), False),
        (ChannelKind.TELEGRAM, Answer(400, {"description": "Bad Request: chat not found"}), True),
        (ChannelKind.TELEGRAM, Answer(403, {"description": "Forbidden: bot was blocked by the user"}), True),
        (ChannelKind.TELEGRAM, Answer(401, {"description": "Unauthorized"}), False),
        (ChannelKind.TELEGRAM, Answer(404, {"description": "Not Found"}), False),
        (ChannelKind.PAGERDUTY, Answer(400, {"errors": ["'routing_key' is invalid"]}), True),
        (ChannelKind.PAGERDUTY, Answer(400, {"errors": ["'payload.severity' is invalid"]}), False),
        (ChannelKind.OPSGENIE, Answer(403, {"message": "You are not authorized"}), True),
        (ChannelKind.OPSGENIE, Answer(422, {"message": "Request body is not processable"}), False),
        (ChannelKind.SMS, Answer(400, {"code": 21211, "message": "not a valid phone number"}), True),
        (ChannelKind.SMS, Answer(400, {"code": 21610, "message": "unsubscribed recipient"}), True),
        (ChannelKind.SMS, Answer(401, {"code": 20003, "message": "Authenticate"}), False),
        (ChannelKind.VOICE, Answer(400, {"code": 21214, "message": "cannot be reached"}), True),
        (ChannelKind.VOICE, Answer(400, {"code": 21210, "message": "'From' not verified"}), False),
        (ChannelKind.WEBPUSH, Answer(410), True),
        (ChannelKind.WEBPUSH, Answer(404), True),
        (ChannelKind.WEBPUSH, Answer(403), True),
        (ChannelKind.WEBPUSH, Answer(413), False),
    ],
)  # fmt: skip
def test_whose_fault_it_is(
    kind: ChannelKind, answer: Answer, address: bool, receivers: Receivers, http: httpx.Client
) -> None:
    HTTP[kind].receiver(receivers).fail(answer)
    with pytest.raises(PermanentFailure) as failure:
        send(kind, receivers, http)
    assert failure.value.address is address, failure.value.reason


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), 30.0),
        (Answer(200, {"ok": False, "error": "internal_error"}), None),
    ],
)
def test_slack_says_in_a_200_that_it_is_busy(
    answer: Answer, seconds: float | None, receivers: Receivers, http: httpx.Client
) -> None:
    receivers.slack.fail(answer)
    with pytest.raises(TemporaryFailure) as failure:
        send(ChannelKind.SLACK, receivers, http)
    assert failure.value.retry_after == seconds


def test_telegram_says_in_words_how_long_to_wait(receivers: Receivers, http: httpx.Client) -> None:
    receivers.telegram.fail(Answer(429, {"ok": False, "description": "Too Many Requests: retry after 11"}))
    with pytest.raises(TemporaryFailure) as failure:
        send(ChannelKind.TELEGRAM, receivers, http)
    assert failure.value.retry_after == 11.0


@KINDS
def test_the_inside_is_out_of_bounds(
    kind: ChannelKind, receivers: Receivers, http: httpx.Client, settings: Settings
) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = []
    with pytest.raises(PermanentFailure, match="AIOPS_OUTBOUND_ALLOW"):
        send(kind, receivers, http)
    assert HTTP[kind].receiver(receivers).requests == []


@KINDS
@pytest.mark.parametrize("status", [400, 500])
def test_a_reason_holds_no_secret(
    kind: ChannelKind, status: int, receivers: Receivers, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    outlet = HTTP[kind].outlet(kind, receivers, secret="s3cr3t-of-the-hook-0123456789")
    secrets = [value for name, value in outlet.settings.items() if name in ("token", "auth_token", "account_sid")]
    secrets += [outlet.secret, re.split("[/=]", outlet.address)[-1]]
    words = " ".join(["Refused:", outlet.address, *secrets])
    body = {"message": words, "description": words, "errors": [words], "code": 1, "ok": False, "error": "refused"}
    HTTP[kind].receiver(receivers).fail(Answer(status, body))
    with (
        caplog.at_level("DEBUG", logger="notifications"),
        pytest.raises((TemporaryFailure, PermanentFailure)) as failure,
    ):
        CHANNELS[kind].send(page(), outlet, http)
    for secret in filter(lambda text: len(text) > 8, secrets):
        assert secret not in failure.value.reason
        assert secret not in caplog.text
        assert secret not in repr(outlet) or secret in outlet.address


def test_an_answer_without_end_holds_nobody_up(http: httpx.Client) -> None:
    """A server that sends 100 MB: not more than what anybody reads is taken."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = 0

    def serve() -> None:
        nonlocal sent
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while sent < 100_000_000:
                sent += connection.send(b"x" * 65536)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    answer = http_call.call(http, "GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", who="It")
    thread.join(PATIENCE)
    listener.close()
    assert len(answer.content) == http_call.LARGEST
    assert sent < 50_000_000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("999999", http_call.LONGEST_WAIT),
        ("-5", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", http_call.LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert http_call.retry_after({"Retry-After": value}) == seconds


def test_an_account_that_is_missing_is_nobodys_address(receivers: Receivers, http: httpx.Client) -> None:
    for kind in (ChannelKind.SLACK, ChannelKind.TELEGRAM, ChannelKind.SMS, ChannelKind.VOICE, ChannelKind.WEBPUSH):
        outlet = replace(HTTP[kind].outlet(kind, receivers), settings={})
        with pytest.raises(PermanentFailure) as failure:
            CHANNELS[kind].send(page(), outlet, http)
        assert not failure.value.address
