"""Apprise's hundred services, behind the fence: nothing of this machine or its network can be reached through a URL."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from aiops.kernel.errors import InvalidInput
from notifications.channels import CHANNELS
from notifications.channels.contracts import Outlet, PermanentFailure, SendFailure, Sent, TemporaryFailure
from notifications.channels.fence import fence
from notifications.choices import ChannelKind
from tests.channels.samples import INCIDENT, hostile, page, stand_down
from tests.receivers import RESET, Answer, Receivers

APPRISE = CHANNELS[ChannelKind.APPRISE]


def send(url: str, http: httpx.Client, **changes: object) -> Sent:
    return APPRISE.send(page(**changes), Outlet(kind=ChannelKind.APPRISE, address=url), http)


def json_url(world: Receivers) -> str:
    return world.webhook.url.replace("http://", "json://") + "/in"


def test_a_service_of_apprise_gets_it(receivers: Receivers, http: httpx.Client) -> None:
    send(json_url(receivers), http)
    APPRISE.send(stand_down("resolve"), Outlet(kind=ChannelKind.APPRISE, address=json_url(receivers)), http)
    one, two = receivers.webhook.requests
    assert (one.json["title"], one.json["type"]) == ("[CRITICAL] Disk full on db-1", "failure")
    assert "Acknowledge: https://noc.example.com/respond/a-token" in one.json["message"]
    assert two.json["type"] == "success"


def test_what_its_answer_means(receivers: Receivers, http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    receivers.webhook.fail(Answer(500), RESET, Answer(404), Answer(403))
    url = json_url(receivers) + "/secret-0123456789-token"
    with pytest.raises(TemporaryFailure) as busy:
        send(url, http)
    assert not busy.value.unknown
    with pytest.raises(TemporaryFailure) as broken:
        send(url, http)
    assert broken.value.unknown
    for _ in range(2):
        with pytest.raises(PermanentFailure) as gone:
            send(url, http)
        assert gone.value.address and "secret" not in gone.value.reason
    assert "secret" not in caplog.text


def test_it_is_the_one_that_sets_the_pace(receivers: Receivers, http: httpx.Client) -> None:
    """No redirects, no second tries of its own, whatever the URL asks for."""
    inside = Receivers()
    receivers.webhook.fail(Answer(302, b"", {"Location": f"{inside.webhook.url}/admin"}), Answer(500), Answer(500))
    for query in ("?redirect=yes", "?retry=3&wait=0.1"):
        with pytest.raises(SendFailure):
            send(json_url(receivers) + query, http)
    assert len(receivers.webhook.requests) == 2 and inside.webhook.requests == []
    inside.close()


@pytest.mark.parametrize(
    "url",
    [
        "json://{}/",
        "xml://{}/",
        "form://{}/?cto=300",
        "gotify://{}/tokentokentoken",
        "ntfy://{}/topic",
        "mailto://user:password@{}/?from=a@example.com&to=a@example.com",
        "rsyslog://{}/",
        "matrix://user:password@{}/#room",
        "apprise://{}/tokentokentoken",
    ],
)
def test_the_inside_is_out_of_bounds(url: str, receivers: Receivers, http: httpx.Client, settings: Settings) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = []
    address = url.format(receivers.webhook.url.removeprefix("http://"))
    with pytest.raises(PermanentFailure, match="AIOPS_OUTBOUND_ALLOW"):
        send(APPRISE.check_address(address), http)
    assert receivers.webhook.requests == []


def test_a_host_may_be_allowed_by_its_name(receivers: Receivers, http: httpx.Client, settings: Settings) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["localhost"]
    send(json_url(receivers).replace("127.0.0.1", "localhost"), http)
    assert len(receivers.webhook.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "syslog://local0",
        "dbus://x",
        "windows://x",
        "macosx://x",
        "gnome://x",
        "vapid://a@example.com/x",
        "file:///etc/passwd",
    ],
)
def test_services_of_this_machine_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        APPRISE.check_address(url)


@pytest.mark.parametrize(
    "url", ["fcm://project@apikey/device?keyfile={}", "workflow://example.com/workflow/signature/?template={}"]
)
def test_a_file_named_in_a_url_is_not_read(url: str, http: httpx.Client, tmp_path: Path) -> None:
    secret = tmp_path / "key.json"
    secret.write_text('{"type": "service_account"}')
    address = APPRISE.check_address(url.format(secret))
    with pytest.raises(PermanentFailure, match="file"):
        send(address, http)


def test_hostile_titles_are_text(receivers: Receivers, http: httpx.Client) -> None:
    APPRISE.send(hostile(), Outlet(kind=ChannelKind.APPRISE, address=json_url(receivers)), http)
    assert "\n" not in receivers.webhook.requests[0].json["title"]


def test_a_service_that_takes_no_message_of_this_kind_has_not_sent_it(http: httpx.Client) -> None:
    outlet = Outlet(kind=ChannelKind.APPRISE, address=f"jira://{'0123456789abcdef' * 2}/%23team")
    with pytest.raises(PermanentFailure, match="Jira sends nothing for messages of this kind") as failure:
        APPRISE.send(stand_down("resolve"), outlet, http)
    assert not failure.value.address


@pytest.mark.parametrize("severity", ["critical", "medium", "low", "info"])
def test_no_page_is_taken_for_the_end_of_one(severity: str, receivers: Receivers, http: httpx.Client) -> None:
    low = page(incident=replace(INCIDENT, severity=severity))
    APPRISE.send(low, Outlet(kind=ChannelKind.APPRISE, address=json_url(receivers)), http)
    assert receivers.webhook.requests[0].json["type"] in ("warning", "failure")


class TestFence:
    """Each rule by the deed itself, not through some plugin that may change."""

    def test_connections(self, receivers: Receivers, settings: Settings, tmp_path: Path) -> None:
        settings.AIOPS_OUTBOUND_ALLOW = []
        port = int(receivers.webhook.url.rpartition(":")[2])
        with fence() as refused:
            with pytest.raises(PermissionError):
                socket.create_connection(("127.0.0.1", port))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(PermissionError):
                datagrams.sendto(b"x", ("127.0.0.1", port))
            with socket.socket(socket.AF_UNIX) as local, pytest.raises(PermissionError):
                local.connect(str(tmp_path / "socket"))
        assert len(refused) == 3
        socket.create_connection(("127.0.0.1", port)).close()  # outside it nothing changes

    def test_files_and_programs(self, tmp_path: Path) -> None:
        kept = tmp_path / "kept"
        kept.write_text("x")
        with fence() as refused:
            for deed in (
                lambda: (tmp_path / "new").write_text("x"),
                lambda: kept.read_text(),
                lambda: kept.unlink(),
                lambda: subprocess.run(["true"]),
                lambda: Path("/usr/../etc/passwd").read_text(),
            ):
                with pytest.raises(PermissionError):
                    deed()
            assert Path(socket.__file__).read_text()  # Python's own
        assert len(refused) == 5 and kept.read_text() == "x"
