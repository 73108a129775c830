"""Messages at the terminal: the progress of the set-up, and how to begin when the platform is ready."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a start has to tell. *routing_key* is empty when it is not to be shown."""

    url: str
    version: str
    routing_key: str = ""
    dev_mode: bool = False  # nobody needs a key


def say(text: str) -> None:
    """One line on stdout, at once. A reader that has gone away is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def progress(text: str) -> None:
    """What we are doing right now."""
    say(f"aiops · {text}")


def try_it(url: str, routing_key: str, *, dev_mode: bool) -> str:
    """A command for a shell that raises an incident; works as printed in dev mode, else after putting a key in."""
    event = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": "cpu-high",
        "payload": {"summary": "CPU usage above 90%", "source": "curl", "severity": "warning"},
    }
    command = ["curl", "-X", "POST", f"{url}/api/events", "-H", "Content-Type: application/json"]
    if not dev_mode:
        command += ["-H", "Authorization: Bearer YOUR_API_KEY"]
    return shlex.join([*command, "-d", json.dumps(event)])


def welcome(facts: Welcome) -> None:
    """The last words of every start."""
    say("")
    say(f"aiops {facts.version} is ready: {facts.url}/console")
    if facts.dev_mode:
        say("")
        say("dev mode: there is no API key yet, so the APIs take requests from this machine without one.")
    if facts.routing_key:
        say("")
        say(f"routing key: {facts.routing_key}")
        say("try it:")
        say(f"  {try_it(facts.url, facts.routing_key, dev_mode=facts.dev_mode)}")
    say("")
    say("Ctrl-C stops everything.")


def announce_password(password: str) -> None:
    """The password of the administrator that was just made."""
    say(f"sign in as: admin   password: {password}")
    say("            (made just now and shown only this once; change it in the console)")
