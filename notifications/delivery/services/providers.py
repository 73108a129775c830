"""Verbs on provider accounts (SMTP server, Slack app, Twilio account), for admins of the workspace.

Settings are encrypted. A stored secret is never shown again; an empty field keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from aiops.access.actors import Actor, Role
from aiops.access.models import Workspace
from aiops.audit.verbs import audited, called, changes, makes, removes
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.kernel.validation import Filled, read
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.delivery.models import Provider


@audited("provider.create", taken=lambda given: _taken(given))
def save_provider(
    *,
    actor: Actor,
    workspace: Workspace,
    kind: ChannelKind,
    name: str,
    settings: Mapping[str, str],
    provider_id: int | None = None,
    is_default: bool = True,
) -> Provider:
    """Make an account, or change the one of *provider_id*. Raises :class:`InvalidInput` naming the setting that is wrong."""
    if not actor.may(Role.ADMIN, workspace.pk):
        raise NotPermitted("Accounts are set up by admins of the workspace.")
    if not CHANNELS[kind].settings:
        raise InvalidInput(f"kind: {kind.label} needs no account.", field="kind")
    if not (name := name.strip()):
        raise InvalidInput("name: an account needs a name.", field="name")
    existing = None
    if provider_id is not None:
        mine = Provider.objects.filter(pk=provider_id, workspace=workspace, kind=kind)
        existing = mine.select_for_update(no_key=True).first()
        if existing is None:
            raise NotFound("There is no such account.")
        called("provider.update")
        changes(existing)
    checked = check_settings(kind, settings, existing.settings if existing else {})
    if is_default:
        others = Provider.objects.filter(workspace=workspace, kind=kind, is_default=True)
        others.exclude(pk=provider_id or 0).update(is_default=False)
    hook = secrets.make_key()
    row = existing or Provider(
        workspace=workspace, kind=kind, hook_digest=secrets.digest(hook), hook_sealed=secrets.seal(hook)
    )
    row.name, row.is_default = name[:200], is_default
    row.settings_sealed = secrets.seal(orjson.dumps(checked).decode())
    row.save()
    makes(row)
    return row


@audited("provider.delete")
def delete_provider(*, actor: Actor, provider_id: int) -> None:
    """Remove an account; destinations that named it fall back to the workspace's default one of its kind."""
    row = Provider.objects.visible_to(actor).filter(pk=provider_id).first()
    if row is None:
        raise NotFound("There is no such account.")
    if not actor.may(Role.ADMIN, row.workspace_id):
        raise NotPermitted("Accounts are set up by admins of the workspace.")
    removes(row)
    row.delete()


def _taken(given: Mapping[str, Any]) -> InvalidInput:
    return InvalidInput(
        f"name: there is a {given['kind'].label} account named {given['name'].strip()!r}.", field="name"
    )


def check_settings(kind: ChannelKind, given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """The settings of an account in their one form. A secret that is left empty stays what it was; unknown ones are refused."""
    channel = CHANNELS[kind]
    known = {setting.name: setting for setting in channel.settings}
    if unknown := [name for name in given if name not in known]:
        raise InvalidInput.at((unknown[0],), f"{kind.label} has no such setting.")
    made = channel.make_settings() if channel.make_settings is not None and not before else {}
    typed = {
        name: text for name, value in given.items() if (text := str(value or "").strip()) or not known[name].secret
    }
    settings = {**made, **before, **typed}
    return {**settings, **asdict(read(_account_of(kind), {name: settings[name] for name in known if name in settings}))}


@cache
def _account_of(kind: ChannelKind) -> TypeAdapter[Any]:
    account: Any = CHANNELS[kind].account
    return TypeAdapter(Filled[account])
