"""The command that makes a key from a shell."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aiops.access import keyring
from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow


def make(*args: str) -> str:
    out = StringIO()
    call_command("create_api_key", *args, stdout=out)
    return out.getvalue().strip()


def test_the_key_that_it_prints_works(workspace: Workspace) -> None:
    raw = make("ci", "--role", "viewer", "--workspace", workspace.slug)
    keyring.refresh()
    actor = keyring.find(raw, utcnow())
    assert actor is not None
    assert (actor.label, actor.role_in(workspace.pk)) == ("ci", Role.VIEWER)


def test_a_key_for_all_workspaces(workspace: Workspace) -> None:
    raw = make("federation", "--role", "admin", "--workspace", "all")
    keyring.refresh()
    actor = keyring.find(raw, utcnow())
    assert actor is not None
    assert actor.everywhere == Role.ADMIN


@pytest.mark.parametrize("args", [("ci", "--workspace", "ws-nowhere"), ("ci", "--workspace", "all", "--days", "0")])
def test_what_makes_no_sense_is_refused(workspace: Workspace, args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        make(*args)
