"""The first start: creates a workspace, an administrator and a routing key. Later starts change nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from aiops.access.actors import SYSTEM, Role
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Membership, User, Workspace
from aiops.audit.recording import Object, record
from aiops.audit.snapshot import snapshot
from incidents.catalogue.services.catalogue import ensure_workspace_defaults

WORKSPACE_NAME = "Primary Workspace"
ADMIN = "admin"
LOCK = 0x61696F7073  # "aiops": the advisory lock that lets one process at a time set up


@dataclass(frozen=True, slots=True)
class Installation:
    """What a start tells its operator. *admin_password* is there only when it was just generated; keep it out of logs.

    *routing_key* is empty when the key was sealed under another ``AIOPS_SECRET_KEY``: rotate it in the admin then.
    """

    workspace_name: str
    routing_key: str = field(repr=False)
    admin_password: str = field(repr=False)
    created: bool


def ensure_installation(*, now: datetime) -> Installation:
    """Make what is missing: "Primary Workspace", its default service and sources, and the user ``admin``.

    The password is ``AIOPS_ADMIN_PASSWORD``, else generated; neither touches an admin who is there. Several processes may
    call this at once: the first does the work, the others see it done.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        workspace, created = Workspace.objects.get_or_create(slug=PRIMARY_WORKSPACE, defaults={"name": _free_name()})
        service = ensure_workspace_defaults(workspace)
        if created:
            record("workspace.create", actor=SYSTEM, object=Object.of(workspace), now=now, after=snapshot(workspace))
        password = _ensure_admin(workspace, now)
    return Installation(workspace.name, service.routing_key, password, created)


def _free_name() -> str:
    """The name, unless somebody has given it to another workspace."""
    taken = Workspace.objects.filter(name__iexact=WORKSPACE_NAME).exists()
    return f"{WORKSPACE_NAME} ({PRIMARY_WORKSPACE})" if taken else WORKSPACE_NAME


def _ensure_admin(workspace: Workspace, now: datetime) -> str:
    """Make the administrator unless there is one; returns the password if it had to be generated."""
    if User.objects.filter(Q(is_superuser=True) | Q(username=ADMIN)).exists():
        return ""
    generated = "" if settings.AIOPS_ADMIN_PASSWORD else secrets.token_urlsafe(12)
    user = User.objects.create_superuser(ADMIN, password=settings.AIOPS_ADMIN_PASSWORD or generated, date_joined=now)
    Membership.objects.create(user=user, workspace=workspace, role=Role.ADMIN.value)
    record("user.create", actor=SYSTEM, object=Object.of(user), now=now, after=snapshot(user))
    return generated
