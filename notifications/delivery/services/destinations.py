"""Verbs on destinations: create, verify, mend, test. Admins of the workspace change shared ones, owners their own.

An address is encrypted at once; people recognise it by its label. A personal phone, mailbox or the like is used only
after its owner has entered the code that was sent there.
"""

from __future__ import annotations

import secrets as random
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import Membership, User, Workspace
from aiops.audit.verbs import audited, changes, makes, removes
from aiops.kernel import secrets
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, RateLimited
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind, DeliveryState, Purpose, Rank
from notifications.delivery.models import Delivery, Destination, Provider
from notifications.delivery.services import doorbell, sending

CODE_LIFE = timedelta(minutes=10)
CODE_PAUSE = timedelta(seconds=30)  # between two codes to one address
TRIES = 5


@audited("destination.create", taken=lambda given: _taken())
def create_destination(
    *,
    actor: Actor,
    kind: ChannelKind,
    address: str,
    now: datetime,
    label: str = "",
    workspace: Workspace | None = None,
    owner: User | None = None,
    provider: Provider | None = None,
) -> Destination:
    """Make a shared destination of *workspace*, or a personal one of *owner*; exactly one of the two is given.

    A signed one gets a secret of its own. Where the channel asks for proof, a personal one has to be verified first; an address
    that is the account's own e-mail counts as proven. Raises :class:`InvalidInput`, :class:`NotPermitted`.
    """
    channel = CHANNELS[kind]
    if (workspace is None) == (owner is None):
        raise InvalidInput("A destination belongs to a workspace or to a person.", field="workspace")
    _require(actor, workspace.pk if workspace else None, owner.pk if owner else None)
    if (workspace is not None and not channel.shared) or (owner is not None and not channel.personal):
        raise InvalidInput(f"kind: {kind.label} can't be {'shared' if workspace else 'personal'}.", field="kind")
    if provider is not None and (provider.kind != kind or (workspace and provider.workspace_id != workspace.pk)):
        raise InvalidInput("provider: expected an account of the same kind and workspace.", field="provider")
    clean = channel.check_address(address)
    proven = owner is None or not channel.verifies or _is_own_mail(owner, kind, clean)
    destination = Destination.objects.create(
        workspace=workspace,
        owner=owner,
        kind=kind,
        provider=provider,
        label=_label(label or shown(kind, clean)),
        address_sealed=secrets.seal(clean),
        address_digest=secrets.digest(clean),
        secret_sealed=secrets.seal(secrets.make_key("whs_")) if channel.signs else "",
        verified_at=now if proven else None,
    )
    makes(destination)
    return destination


@audited("destination.update", taken=lambda given: _taken())
def update_destination(
    *, actor: Actor, destination_id: int, now: datetime, label: str | None = None, address: str | None = None
) -> Destination:
    """Change the label, or the address, which then has to be proven anew and is no longer known to be broken."""
    row = _locked(actor, destination_id)
    if label is not None:
        row.label = _label(label)
    if address is not None:
        channel = CHANNELS[ChannelKind(row.kind)]
        clean = channel.check_address(address)
        if clean != row.address:
            row.address_sealed, row.address_digest = secrets.seal(clean), secrets.digest(clean)
            own = row.owner is not None and channel.verifies
            row.verified_at = None if own and not _is_own_mail(row.owner, ChannelKind(row.kind), clean) else now
            _heal(row)
    row.save()
    return row


@audited("destination.delete")
def delete_destination(*, actor: Actor, destination_id: int) -> None:
    """Remove it; what was sent there stays in the log. Policies that name it pass over it and say so."""
    row = _locked(actor, destination_id)
    removes(row)
    row.delete()


@audited("destination.set_enabled")
def set_enabled(*, actor: Actor, destination_id: int, enabled: bool) -> Destination:
    """Switch it on or off."""
    row = _locked(actor, destination_id)
    row.enabled = enabled
    row.save(update_fields=["enabled"])
    return row


@audited("destination.mend")
def mend(*, actor: Actor, destination_id: int) -> Destination:
    """Say that it works again: the flag goes, the breaker closes, and what waits is sent."""
    row = _locked(actor, destination_id)
    _heal(row)
    row.save()
    transaction.on_commit(doorbell.ring, robust=True)
    return row


def start_verification(*, actor: Actor, destination_id: int, now: datetime) -> Delivery:
    """Send a code of six digits there, good for ten minutes and five tries; returns the delivery as it is after the attempt."""
    code = f"{random.randbelow(1_000_000):06d}"
    with transaction.atomic():
        row = _found(actor, destination_id)
        if row.verified_at is not None:
            raise Conflict("This destination is verified already.")
        if row.verify_expires_at is not None and row.verify_expires_at - CODE_LIFE + CODE_PAUSE > now:
            raise RateLimited("A code was sent a moment ago.", data={"retry_after": int(CODE_PAUSE.total_seconds())})
        row.verify_digest, row.verify_expires_at, row.verify_tries = secrets.digest(code), now + CODE_LIFE, 0
        row.save(update_fields=["verify_digest", "verify_expires_at", "verify_tries"])
        delivery = _intend(row, _workspace_of(actor, row), Purpose.VERIFY, {"code": code}, now)
    sent = sending.send_now(delivery.pk)
    Delivery.objects.filter(pk=sent.pk).update(data={})  # the code is nobody else's business
    return sent


def verify(*, actor: Actor, destination_id: int, code: str, now: datetime) -> Destination:
    """The owner enters the code. Raises :class:`InvalidInput` for a wrong, used-up or expired one."""
    row, is_right = _enter(actor=actor, destination_id=destination_id, code=code, now=now)
    if not is_right:  # outside of the transaction: the try has to count
        raise InvalidInput("code: that is not the code that was sent.", field="code")
    return row


@audited("destination.verify")
def _enter(*, actor: Actor, destination_id: int, code: str, now: datetime) -> tuple[Destination, bool]:
    """Count the try, and whether it was right."""
    row = _locked(actor, destination_id)
    if not row.verify_digest or row.verify_expires_at is None or row.verify_expires_at <= now:
        raise InvalidInput("code: it has expired; have a new one sent.", field="code")
    if row.verify_tries >= TRIES:
        raise InvalidInput("code: too many tries; have a new one sent.", field="code")
    row.verify_tries += 1
    is_right = any(random.compare_digest(row.verify_digest, digest) for digest in secrets.digests(code.strip()))
    if is_right:
        row.verified_at, row.verify_digest, row.verify_expires_at = now, "", None
        _heal(row)
    row.save()
    return row, is_right


def send_test(
    *, actor: Actor, destination_id: int, now: datetime, text: str = "", data: dict[str, Any] | None = None
) -> Delivery:
    """Send a test by the way of every message, and return the delivery as it is afterwards. Operators for shared ones."""
    row = Destination.objects.visible_to(actor).filter(pk=destination_id).first()
    if row is None:
        raise NotFound("There is no such destination.")
    if row.workspace_id is not None and not actor.may(Role.OPERATOR, row.workspace_id):
        raise NotPermitted("Tests take the role operator or admin in the workspace.")
    said = {"text": text or "pages reach you here", "who": actor.label, **(data or {})}
    delivery = _intend(row, _workspace_of(actor, row), Purpose.TEST, said, now)
    return sending.send_now(delivery.pk)


def shown(kind: ChannelKind, address: str) -> str:
    """What an address is recognised by: a phone or a mailbox as it is, of a URL only the host, since the rest is the secret."""
    if "://" in address:
        scheme, _, rest = address.partition("://")
        return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…"
    return address[:200] if kind != ChannelKind.WEBPUSH else "this browser"


def _intend(row: Destination, workspace_id: int, purpose: Purpose, data: dict[str, Any], now: datetime) -> Delivery:
    """A delivery that is sent in the request; should that die, the sweep takes it up."""
    return Delivery.objects.create(
        workspace_id=workspace_id,
        purpose=purpose,
        destination=row,
        recipient_id=row.owner_id,
        kind=row.kind,
        rank=Rank.PAGE,
        data={"token": uuid.uuid4().hex, **data},
        state=DeliveryState.PENDING,
        due_at=now,
        created_at=now,
    )


def _workspace_of(actor: Actor, row: Destination) -> int:
    """The workspace whose accounts a message goes through: the destination's, else the first of its owner's."""
    if row.workspace_id is not None:
        return row.workspace_id
    theirs = (
        Membership.objects.filter(user=row.owner_id).order_by("workspace_id").values_list("workspace_id", flat=True)
    )
    found = theirs.first() or Workspace.objects.order_by("pk").values_list("pk", flat=True).first()
    if found is None:
        raise NotFound("There is no workspace yet.")
    return int(found)


def _heal(row: Destination) -> None:
    row.broken_at, row.broken_reason, row.failures, row.open_until = None, "", 0, None


def _is_own_mail(owner: User | None, kind: ChannelKind, address: str) -> bool:
    return owner is not None and kind == ChannelKind.EMAIL and owner.email.lower() == address.lower()


def _label(label: str) -> str:
    if not (label := label.strip()):
        raise InvalidInput("label: expected a name.", field="label")
    return label[:200]


def _taken() -> InvalidInput:
    return InvalidInput("address: there is a destination with this address already.", field="address")


def _locked(actor: Actor, destination_id: int) -> Destination:
    """The destination under a lock, as what an audited verb changes."""
    row = _found(actor, destination_id)
    changes(row)
    return row


def _found(actor: Actor, destination_id: int) -> Destination:
    visible = Destination.objects.visible_to(actor).filter(pk=destination_id)
    row = visible.select_for_update(no_key=True, of=("self",)).select_related("owner").first()
    if row is None:
        raise NotFound("There is no such destination.")
    _require(actor, row.workspace_id, row.owner_id)
    return row


def _require(actor: Actor, workspace_id: int | None, owner_id: int | None) -> None:
    if workspace_id is not None and not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("Shared destinations are made and changed by admins of the workspace.")
    mine = actor.kind == ActorKind.USER and actor.id == str(owner_id)
    if owner_id is not None and not mine and actor.everywhere != Role.ADMIN:
        raise NotPermitted("Personal destinations are their owner's.")
