"""The guard around outbound HTTP: whom we may call, that we call the address we judged, and that no answer holds us up."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from aiops.kernel import http
from aiops.kernel.addresses import BlockedAddress
from aiops.kernel.http import TooLarge, resolve
from tests.receivers import Answer, HttpReceiver

Names = dict[str, list[str]]


@pytest.fixture(autouse=True)
def nothing_is_allowed(settings: Any) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the resolver says, by host."""
    known: Names = {}
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = known.get(host, [host])
        return [answer for address in found for answer in ask(address, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    server = HttpReceiver()
    yield server
    server.close()


INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "100.100.100.200", "fd00:ec2::254",
    "192.0.0.192", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "239.255.255.250", "255.255.255.255", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
    "ff0e::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    "127.1", "0x7f.1", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_for_the_outside_is_refused(address: str) -> None:
    with pytest.raises(BlockedAddress, match="AIOPS_OUTBOUND_ALLOW"):
        resolve(address, 443)
    host = f"[{address}]" if ":" in address else address
    with http.client() as client, pytest.raises(BlockedAddress):
        client.get(f"http://{host}/")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_what_is_public_is_fine(address: str) -> None:
    resolve(address, 443)


def test_hosts_and_networks_can_be_allowed(settings: Any, names: Names, receiver: HttpReceiver) -> None:
    port = receiver.url.rpartition(":")[2]
    names.update({"mattermost.lan": ["127.0.0.1"], "other.lan": ["127.0.0.1"]})
    with http.client() as client:
        settings.AIOPS_OUTBOUND_ALLOW = ["Mattermost.lan"]
        assert client.get(f"http://mattermost.lan:{port}/").status_code == 200
        with pytest.raises(BlockedAddress, match=r"other\.lan"):
            client.get(f"http://other.lan:{port}/")
        settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.0/8"]
        assert client.get(f"http://other.lan:{port}/").status_code == 200


def test_one_bad_address_condemns_a_name(names: Names) -> None:
    names["half.example.com"] = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(BlockedAddress):
        resolve("half.example.com", 443)


def test_a_name_that_changes_its_mind_gains_nothing(
    settings: Any, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    """Asked once, and connected to what was judged: the second answer, which leads inside, is never used."""
    asked: list[str] = []
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "evil.example.com":
            return ask(host, *args, **kwargs)
        asked.append(host)
        return ask("127.0.0.1" if len(asked) == 1 else "10.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    port = receiver.url.rpartition(":")[2]
    with http.client() as client:
        assert client.get(f"http://evil.example.com:{port}/").status_code == 200
    assert len(asked) == 1


def test_the_next_address_is_tried_when_one_does_not_answer(
    settings: Any, names: Names, receiver: HttpReceiver
) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.0/8"]
    names["twice.example.com"] = ["127.0.0.9", "127.0.0.1"]  # the receiver listens on the second only
    port = receiver.url.rpartition(":")[2]
    with http.client() as client:
        assert client.get(f"http://twice.example.com:{port}/").status_code == 200


def test_a_redirect_is_not_followed(settings: Any, receiver: HttpReceiver) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    receiver.fail(Answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data/"}))
    with http.client() as client:
        assert client.get(receiver.url).status_code == 302
        assert client.get(receiver.url).status_code == 200, "the connection is kept and used again"


def test_what_is_larger_than_anybody_reads_is_cut_off(settings: Any, receiver: HttpReceiver) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    receiver.fail(Answer(200, b"x" * (3 * 1024 * 1024)), Answer(200, b"x" * 3000), Answer(200, b"fine"))
    with http.client() as client, pytest.raises(httpx.ReadError):
        client.get(receiver.url)
    with pytest.raises(TooLarge):
        http.fetch(receiver.url, largest=2000)
    assert http.fetch(receiver.url) == b"fine"


def test_what_comes_packed_stays_packed(settings: Any, receiver: HttpReceiver) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    bomb = gzip.compress(b"\0" * 50_000_000)
    receiver.fail(Answer(200, bomb, {"Content-Encoding": "gzip"}))
    with http.client() as client:
        answer = client.get(receiver.url)
    assert (answer.status_code, answer.content) == (200, bomb)
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_an_answer_that_drips_ends(settings: Any, drip: Callable[[bytes], str]) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    for begins in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"):
        with http.client(0.2) as client, pytest.raises(httpx.ReadTimeout):
            client.get(drip(begins))


@pytest.fixture
def drip() -> Iterator[Callable[[bytes], str]]:
    """A server that says *begins*, then a byte at a time, well within any read time-out."""
    servers, ended = [], threading.Event()

    def serve(server: socket.socket, begins: bytes) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(begins)
            while not ended.wait(0.03):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    def start(begins: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=serve, args=(server, begins), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    ended.set()
    for server in servers:
        server.close()
