"""Every service verb that somebody does leaves an event. The verbs are found by looking through the services."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType

import aiops
import incidents
import notifications
from aiops.audit.verbs import known_verbs

# What takes an actor and leaves no event, and why.
EXEMPT = {
    "aiops.access.services.workspaces.choose_workspace": "reads; what it makes, create_workspace makes",
    "aiops.access.services.workspaces.narrowed": "makes a value",
    "notifications.delivery.services.destinations.start_verification": "sends a code; nothing changes until it is entered",
    "notifications.delivery.services.destinations.verify": "its part _enter leaves the event; a wrong code counts, and refuses",
    "notifications.delivery.services.destinations.send_test": "sends a message; the log of deliveries keeps who asked for it",
    "notifications.escalation.services.route_test.test_routes": "sends messages, by send_test",
    "notifications.escalation.services.routes.dry_run": "reads",
    "notifications.escalation.services.whatif.what_if": "reads",
    "notifications.oncall.services.calendars.import_text": "its part _take leaves the event; a calendar is read outside of it",
    "notifications.oncall.services.overrides.user_of": "reads a value",
    "notifications.oncall.services.schedule_preview.foretell": "reads; what it tries is undone",
    "notifications.oncall.services.schedules.locked": "locks a row for the verb that calls it",
    "notifications.replies.services.text_commands.meant": "reads what a reply means; the verb it names leaves the event",
}


def services() -> Iterator[ModuleType]:
    """Every module of a package called services."""
    for app in (aiops, incidents, notifications):
        for found in pkgutil.walk_packages(app.__path__, f"{app.__name__}."):
            if ".services" in found.name and ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def verbs() -> dict[str, Callable[..., object]]:
    """What services offer that somebody does: their public functions that take an actor."""
    return {
        f"{module.__name__}.{name}": function
        for module in services()
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
        and "actor" in inspect.signature(function).parameters
    }


def test_every_verb_goes_through_the_seam() -> None:
    without = {name for name, function in verbs().items() if not hasattr(function, "audited")}
    assert without - EXEMPT.keys() == set(), "they take an actor and leave no audit event: aiops/audit/verbs.py"


def test_no_exemption_is_left_over() -> None:
    needless = {name for name in EXEMPT if name not in verbs() or hasattr(verbs()[name], "audited")}
    assert needless == set()


def test_many_verbs_are_found() -> None:
    assert len(verbs()) > 50
    assert all(verb.count(".") == 1 for verb in known_verbs())
