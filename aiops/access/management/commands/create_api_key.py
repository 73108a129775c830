"""``manage.py create_api_key NAME``: create an API key from a shell and print it once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiops.access.actors import SYSTEM, Role
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.access.services.keys import create_key
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError


class Command(BaseCommand):
    help = "Make an API key and print it. It is stored hashed and can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what will use the key")
        parser.add_argument("--role", choices=[role.word for role in Role], default=Role.OPERATOR.word)
        parser.add_argument("--workspace", default=PRIMARY_WORKSPACE, help="id of its workspace, or 'all'")
        parser.add_argument("--days", type=int, help="how long it is good for; without it, until revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        now = utcnow()
        workspace = None
        if options["workspace"] != "all":
            workspace = Workspace.objects.filter(slug=options["workspace"]).first()
            if workspace is None:
                raise CommandError(f"There is no workspace with the id {options['workspace']!r}.")
        try:
            _, raw = create_key(
                actor=SYSTEM,
                name=options["name"],
                workspace=workspace,
                role=Role.from_word(options["role"]),
                now=now,
                expires_at=now + timedelta(days=options["days"]) if options["days"] is not None else None,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(raw)
