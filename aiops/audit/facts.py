"""Through which door and from where the running piece of work came in: a context variable, so that no service takes a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

LONGEST_AGENT = 400  # characters that are kept of a user agent


class Door(StrEnum):
    """What an actor came in through."""

    CONSOLE = "console"
    ADMIN = "admin"
    CLIENT = "client"
    DASHBOARD = "dashboard"
    V1 = "v1"
    EVENTS = "events"
    CHAT = "chat"
    MAIL = "mail"
    PHONE = "phone"
    PAGERDUTY = "pagerduty"
    LINK = "link"
    TIMER = "timer"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Facts:
    """*address* is the caller's network address and *user_agent* what its program calls itself; both are empty inside the
    platform."""

    door: Door
    address: str = ""
    user_agent: str = ""


COMMAND = Facts(Door.COMMAND)
TIMER = Facts(Door.TIMER)

_current: ContextVar[Facts | None] = ContextVar("audit_facts", default=None)
_default = COMMAND

# The first whose path fits counts.
PATHS: tuple[tuple[str, Door], ...] = (
    ("/console", Door.CONSOLE),
    ("/admin", Door.ADMIN),
    ("/hooks/email", Door.MAIL),
    ("/hooks/pagerduty", Door.PAGERDUTY),
    ("/hooks/sms", Door.PHONE),
    ("/hooks/voice", Door.PHONE),
    ("/hooks", Door.CHAT),
    ("/respond", Door.LINK),
    ("/api/v1", Door.V1),
    ("/api/v2", Door.EVENTS),
    ("/api/events", Door.EVENTS),
    ("/v2", Door.EVENTS),
    ("/webhook", Door.EVENTS),
    ("/in", Door.EVENTS),
    ("/api/alerts", Door.DASHBOARD),
    ("/api/auth", Door.DASHBOARD),
)


def door_of(path: str) -> Door:
    """The door that serves *path*; the client API has no beginning of its own and gets the rest."""
    return next((door for start, door in PATHS if path == start or path.startswith(f"{start}/")), Door.CLIENT)


def of_request(path: str, address: str, user_agent: str) -> Facts:
    """The facts of an HTTP request."""
    return Facts(door_of(path), address, user_agent[:LONGEST_AGENT])


def current() -> Facts:
    """The facts of the work that runs here; where nobody said anything, those of the process: a command's."""
    return _current.get() or _default


def default_to(facts: Facts) -> None:
    """What this process does where nobody said anything has these *facts* (a worker's)."""
    global _default
    _default = facts


@contextmanager
def during(facts: Facts) -> Iterator[None]:
    """What happens inside has these *facts*."""
    token = _current.set(facts)
    try:
        yield
    finally:
        _current.reset(token)
