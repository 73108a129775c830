"""The web server: uvicorn, run from our own code so that the supervisor decides when it ends."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
from collections.abc import Callable, Iterator

import uvicorn
from django.conf import settings

from aiops.embedded.failure import StartRefused
from aiops.embedded.stopping import Stopping

HANGING_REQUEST_SECONDS = 4  # what a stop grants to requests that are under way
MAX_SOCKET_MESSAGE = 16 * 1024  # bytes; browsers only send us short words


class Server(uvicorn.Server):
    """uvicorn with our signals: it neither listens for them nor raises them again before everything else is stopped."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._on_ready()

    def ask_to_stop(self) -> None:
        """Finish what is under way and end; safe in a signal handler."""
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """A socket on our address, bound before anything slow happens. Raises :class:`StartRefused` when it is taken or not ours."""
    if not 0 <= port <= 65535:
        raise StartRefused(f"AIOPS_PORT must be between 0 and 65535, not {port}.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise _refusal(host, port, error) from None
    return bound


def _refusal(host: str, port: int, error: OSError) -> StartRefused:
    if error.errno == errno.EADDRINUSE:
        why = f"Port {port} on {host} is in use by another program; set AIOPS_PORT to a free one"
    elif error.errno == errno.EACCES:
        why = f"Port {port} is for privileged users only; set AIOPS_PORT to one above 1023"
    else:
        why = f"Can't listen on {host}, port {port} ({error.strerror}); set AIOPS_HOST to an address of this machine"
    return StartRefused(f"{why}.")


def url_of(bound: socket.socket) -> str:
    """How a browser reaches us: AIOPS_PUBLIC_URL, else the address; an address that means "all" is told as loopback."""
    if settings.AIOPS_PUBLIC_URL:
        return str(settings.AIOPS_PUBLIC_URL).rstrip("/")
    port = bound.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.AIOPS_HOST, settings.AIOPS_HOST)  # noqa: S104 - compared
    return f"http://{f'[{host}]' if host.count(':') > 1 and not host.startswith('[') else host}:{port}"


def open_more_files() -> None:
    """Let this process have as many connections as it may hold, whatever the shell's soft limit is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.AIOPS_MAX_CONNECTIONS + 1000
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def serve(bound: socket.socket, stopping: Stopping, on_ready: Callable[[], None]) -> bool:
    """Serve until we are asked to stop; the parts stop inside (ASGI lifespan). False when the server could not start."""
    open_more_files()
    config = uvicorn.Config(
        "aiops.asgi:application",
        loop="uvloop",
        http="incidents.front.protocol:DoorProtocol",  # by name: the apps are loaded later
        ws="incidents.front.sockets:BoundedSocket",
        ws_max_size=MAX_SOCKET_MESSAGE,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(
            settings.AIOPS_PUBLIC_URL
        ),  # only then there is a proxy; FORWARDED_ALLOW_IPS says which to believe
        timeout_keep_alive=75,  # longer than the minute after which proxies give their idle connections up
        timeout_graceful_shutdown=HANGING_REQUEST_SECONDS,
    )
    server = Server(config, on_ready)
    stopping.stop_server = server.ask_to_stop
    stopping.check()  # a signal that came just before found no server to tell
    loop_factory = config.get_loop_factory()
    assert loop_factory is not None
    loop = loop_factory()
    # No asyncio.run: at its end it waits for the threads of requests that hang.
    try:
        loop.run_until_complete(server.serve(sockets=[bound]))
    except SystemExit:
        return False
    except OSError as error:  # somebody else was quicker to listen than we, after we had bound
        host, port = bound.getsockname()[:2]
        raise _refusal(host, port, error) from None
    return True
