"""Apprise's hundred services, in their helper process: nothing of this machine or its network can be reached through a URL."""

from __future__ import annotations

import contextlib
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from aiops.kernel.errors import InvalidInput, Overloaded
from aiops.kernel.helper import Helper
from notifications.channels import CHANNELS, apprise
from notifications.channels.contracts import Outlet, PermanentFailure, SendFailure, Sent, TemporaryFailure
from notifications.choices import ChannelKind
from tests.channels.samples import INCIDENT, hostile, page, stand_down
from tests.receivers import RESET, Answer, Receivers

APPRISE = CHANNELS[ChannelKind.APPRISE]
DEEDS = Helper("tests.channels.deeds")


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


class TestGuard:
    """Each rule by the deed itself, not through some plug-in that may change."""

    def test_connections(self, receivers: Receivers, tmp_path: Path) -> None:
        port = int(receivers.webhook.url.rpartition(":")[2])
        told = DEEDS.ask({"deeds": ["connect", "datagram", "local socket"], "port": port, "folder": str(tmp_path)})
        assert told.value["done"] == [] and len(told.value["refused"]) == 3
        assert told.said == ["calling"]
        assert DEEDS.ask({"deeds": ["connect"], "port": port, "allow": ["127.0.0.1"]}).value["done"] == ["connect"]

    def test_files_and_programs(self, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text("x")
        deeds = ["write", "read", "unlink", "run", "read passwd"]
        told = DEEDS.ask({"deeds": [*deeds, "read python"], "folder": str(tmp_path)})
        assert told.value["done"] == ["read python"] and len(told.value["refused"]) == len(deeds)
        assert told.said == [] and (tmp_path / "kept").read_text() == "x"


def test_neither_the_guard_nor_apprise_is_in_the_process_that_asks() -> None:
    ours = "import sys, notifications.channels; print([name for name in sys.modules if 'apprise' in name])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    loaded = subprocess.run([sys.executable, "-c", ours], capture_output=True, text=True, env=environment, check=True)
    assert loaded.stdout.strip() == "['notifications.channels.apprise']"


class TestHanging:
    """What hangs ends in time, and a page that may have arrived is marked as such."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apprise, "HELPER", Helper(apprise.HELPER.module, wall=3.0))

    def test_a_server_that_never_ends_its_answer(self, http: httpx.Client) -> None:
        with drip() as address, pytest.raises(TemporaryFailure) as hung:
            send(f"json://{address}/", http)
        assert hung.value.unknown

    def test_nobody_was_called_yet(self, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apprise, "HELPER", Helper("tests.channels.deeds", wall=0.5))
        with pytest.raises(TemporaryFailure) as hung:
            send("json://example.com/?hang=yes", http)
        assert not hung.value.unknown

    def test_other_messages_go_meanwhile(self, receivers: Receivers, http: httpx.Client) -> None:
        send(json_url(receivers), http)
        with drip() as address, ThreadPoolExecutor(1) as queue:
            hangs = queue.submit(send, f"json://{address}/", http)
            send(json_url(receivers), http)
            assert not hangs.done() and isinstance(hangs.exception(), TemporaryFailure)
        assert len(receivers.webhook.requests) == 2

    def test_an_address_is_not_taken_that_apprise_could_not_be_asked_about(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apprise, "HELPER", Helper("tests.channels.deeds", wall=0.5))
        with pytest.raises(Overloaded):
            APPRISE.check_address("json://example.com/?hang=yes")


@contextlib.contextmanager
def drip() -> Iterator[str]:
    """The address of a server that takes each request and answers a byte at a time, for ever."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with contextlib.suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.2):
                    self.request.sendall(b"x")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    over = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()
        thread.join()
