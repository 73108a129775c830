"""What the helper does with one Apprise URL: look whether Apprise understands it, and send a message there."""

from __future__ import annotations

import logging
import mimetypes
import netrc  # noqa: F401 - requests imports it with the first message, which would be each child's
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import apprise
from apprise.plugins import url_to_dict

from notifications.apprise_helper.guard import Guard

# Those that speak to the machine they run on instead of to somebody.
LOCAL = frozenset(
    ("blink1", "blink1s", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "vapid", "windows")
)
# How it connects is ours to say: no redirects, our waits, no second tries of its own.
OURS = ("redirect", "cto", "rto", "retry", "wait", "attach", "tag")
CALLING = "calling"  # said before the first connection: from then on the message may have arrived

_ASSET = apprise.AppriseAsset(
    storage_mode="memory",
    secure_logging=True,
    http_redirects=False,
    pgp_autogen=False,
    pem_autogen=False,
    app_id="aiops",
    app_desc="aiops notifications",
)


class _Ear(logging.Handler):
    """Hears what Apprise logs; nothing of it goes to our log, since it may hold what is secret."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


def load() -> int:
    """Load Apprise's plug-ins, which takes half a second, once for all children; returns how many there are."""
    mimetypes.init()  # reads files of the system, which the guard would not let happen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some use what Python is about to drop
        apprise.Apprise.instantiate("json://localhost", asset=_ASSET)  # compiles what each child would compile again
        return len(apprise.NotificationManager())


def work(request: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Look at ``url``, and send ``title`` and ``body`` as ``kind`` (one of Apprise's types) there unless ``kind`` is missing.

    ``allow``: hosts and networks that may be called although they are private. Returns ``scheme``, ``wrong`` (``"local"``,
    ``"unknown"`` or ``""``), and of a message ``name`` (the service's), ``taken``, ``words`` (what Apprise logged), ``refused``
    (what the guard refused, as sentences) and ``reached`` (whether anybody was called).
    """
    ear = _Ear()
    logger = logging.getLogger("apprise")
    logger.addHandler(ear)
    logger.propagate = False
    guard = Guard(tuple(request["allow"]), lambda: say(CALLING))
    parts = url_to_dict(request["url"]) or {}
    scheme = str(parts.get("schema", ""))
    if scheme in LOCAL or not parts:
        return {"scheme": scheme, "wrong": "local"}
    for name in OURS:
        parts.pop(name, None)
    service = apprise.Apprise.instantiate({**parts, "redirect": False}, asset=_ASSET)
    if service is None:
        return {"scheme": scheme, "wrong": "unknown"}
    if "kind" not in request:
        return {"scheme": scheme, "wrong": ""}
    if host := str(getattr(service, "host", "") or ""):
        guard.expect(host)
    try:
        taken = service.notify(
            title=request["title"],
            body=request["body"],
            notify_type=apprise.NotifyType(request["kind"]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 - a hundred plug-ins of others: whatever one raises is a failed try
        taken = False
        ear.words.append(f"raised {type(error).__name__}")
    return {
        "scheme": scheme,
        "wrong": "",
        "name": str(service.service_name),
        "taken": bool(taken),
        "words": ear.words,
        "refused": guard.refused,
        "reached": guard.reached,
    }


load()
