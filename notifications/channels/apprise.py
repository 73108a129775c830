"""Whatever Apprise speaks to: an address is one of its URLs. It runs inside a fence (``fence.py``), on one URL at a time.

Apprise says only whether it worked; whose fault it was is read from what it logs.
"""

from __future__ import annotations

import functools
import logging
import mimetypes
import re
import threading
import warnings

import apprise
import httpx
from apprise.manager_plugins import NotificationManager
from apprise.plugins import url_to_dict

from aiops.kernel.errors import InvalidInput
from notifications.channels.contracts import Channel, Message, Outlet, PermanentFailure, Sent, TemporaryFailure
from notifications.channels.fence import fence
from notifications.channels.http_call import ACCOUNT, GONE, scrub
from notifications.channels.text import block, footer, line, unsaid
from notifications.choices import ChannelKind

LONGEST = 2000  # characters of a URL
BODY = 10_000  # characters; Apprise cuts what a service does not take
# Those that speak to the machine they run on instead of to somebody.
LOCAL = frozenset(
    ("blink1", "blink1s", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "vapid", "windows")
)
# How it connects is ours to say: no redirects, our waits, no second tries of its own.
OURS = ("redirect", "cto", "rto", "retry", "wait", "attach", "tag")
# Services that keep alerts take what only informs for the end of one: whatever is no end is a warning at least.
TYPES = {"critical": apprise.NotifyType.FAILURE, "high": apprise.NotifyType.FAILURE}

_ASSET = apprise.AppriseAsset(
    storage_mode="memory",
    secure_logging=True,
    http_redirects=False,
    pgp_autogen=False,
    pem_autogen=False,
    app_id="aiops",
    app_desc="aiops notifications",
)

_SCHEME = re.compile(r"([a-z][a-z0-9]{1,19})://\S+", re.IGNORECASE)
_STATUS = re.compile(r"error[=: ]+(\d{3})\b", re.IGNORECASE)


class _Ear(logging.Handler):
    """Hears what Apprise says in each thread; nothing of it goes to our log, since it may hold what is secret."""

    said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        words = getattr(self.said, "words", None)
        if words is not None and record.levelno >= logging.WARNING:
            words.append(record.getMessage())


_logger = logging.getLogger("apprise")
_logger.addHandler(_Ear())
_logger.propagate = False


def check_address(text: str) -> str:
    """A URL that Apprise understands, of a service that is not this machine."""
    url = text.strip()
    if len(url) > LONGEST or not _SCHEME.fullmatch(url):
        raise InvalidInput("address: expected an Apprise URL such as ntfys://host/topic.", field="address")
    _service(url)
    return url


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Have Apprise send it."""
    try:
        service = _service(outlet.address)
    except InvalidInput as error:
        raise PermanentFailure(error.message) from error
    severity = message.incident.severity.lower() if message.incident else ""
    kind = apprise.NotifyType.SUCCESS if message.event == "resolve" else TYPES.get(severity, apprise.NotifyType.WARNING)
    links = "\n".join(f"{line(answer.label)}: {answer.url}" for answer in [*message.answers, *unsaid(message)])
    _Ear.said.words = words = list[str]()
    with fence(str(getattr(service, "host", "") or "")) as refused:
        try:
            taken = service.notify(
                title=line(message.subject, 250),
                body="\n\n".join(filter(None, [block(message.text, BODY), links, footer(message)])),
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 - a hundred plugins of others: whatever one raises is a failed try
            taken = False
            words.append(f"raised {type(error).__name__}")
        finally:
            _Ear.said.words = None
    name = str(service.service_name)
    if not taken:
        raise _failure(name, words, refused)
    if not refused.reached:  # it takes no messages of this kind, and calls that a success
        raise PermanentFailure(f"{name} sends nothing for messages of this kind.", address=False)
    return Sent()


def _failure(name: str, words: list[str], refused: list[str]) -> TemporaryFailure | PermanentFailure:
    if refused:
        return PermanentFailure(f"{name}: {refused[-1]}")
    statuses = [int(found) for text in words for found in _STATUS.findall(text)]
    reason = f"{name} did not take it{f': {scrub(words[-1])}' if words else ''}"
    if any(status in ACCOUNT or status in GONE for status in statuses):
        return PermanentFailure(reason)
    return TemporaryFailure(reason, unknown=not statuses)


@functools.cache
def _load() -> int:
    """Load the plugins, which takes a second and which the fence would not let happen; how many there are."""
    mimetypes.init()  # reads files of the system, once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some use what Python is about to drop
        return len(NotificationManager())


def _service(url: str) -> apprise.NotifyBase:
    """The service that *url* names. Raises :class:`InvalidInput`."""
    _load()
    with fence():
        parts = url_to_dict(url) or {}
        scheme = str(parts.get("schema", ""))
        if scheme in LOCAL or not parts:
            raise InvalidInput("address: no service that Apprise may send to from here.", field="address")
        for name in OURS:
            parts.pop(name, None)
        service = apprise.Apprise.instantiate({**parts, "redirect": False}, asset=_ASSET)
    if service is None:
        raise InvalidInput(f"address: Apprise does not understand this {scheme}:// URL.", field="address")
    return service


CHANNEL = Channel(
    kind=ChannelKind.APPRISE,
    personal=True,
    shared=True,
    address_label="Apprise URL",
    address_help="One of the URLs at github.com/caronc/apprise; services of the machine itself are refused.",
    send=send,
    check_address=check_address,
    verifies=True,
)
