"""The person behind an address at which a provider knows them."""

from __future__ import annotations

from aiops.access.models import User
from aiops.kernel import secrets
from notifications.choices import ChannelKind
from notifications.delivery.models import Destination


def owner_of(kind: ChannelKind, address: str) -> User | None:
    """The active person whose own, proven destination this is; None when nobody's, or when it is a shared one."""
    own = Destination.objects.filter(
        kind=kind,
        address_digest__in=secrets.digests(address),
        owner__is_active=True,
        enabled=True,
        verified_at__isnull=False,
    )
    people = {found.owner for found in own.select_related("owner")[:2]}
    return people.pop() if len(people) == 1 else None


def by_email(address: str, workspace_id: int) -> User | None:
    """The one active member of the workspace (or superuser) whose account has this e-mail address."""
    if not address:
        return None
    found = User.objects.filter(email__iexact=address, is_active=True)
    members = [
        user for user in found[:10] if user.is_superuser or user.memberships.filter(workspace=workspace_id).exists()
    ]
    return members[0] if len(members) == 1 else None
