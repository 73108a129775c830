"""``manage.py verify_audit``: whether the record of who did what is whole, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiops.access.models import Workspace
from aiops.audit.verifying import verify
from aiops.kernel.clock import utcnow

SHOWN = 50


class Command(BaseCommand):
    help = (
        "Verify the chains of the audit. Exit status 0: all is whole. 1: something is changed, missing or re-ordered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help=f"Print every finding, not only the first {SHOWN}.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the head of each chain and what was found."""
        report = verify(utcnow())
        names = dict(Workspace.objects.values_list("pk", "slug")) | {0: "the installation"}
        named = {head.chain: names.get(head.chain, f"workspace {head.chain} (deleted)") for head in report.heads}
        for head in report.heads:
            self.stdout.write(f"{named[head.chain]}: {head.position} places, the last seal is {head.hash}")
        if report.waiting:
            self.stdout.write(f"{report.waiting} events wait for their seal.")
        found = report.findings if options["all"] else report.findings[:SHOWN]
        for finding in found:
            where = named.get(finding.chain, f"workspace {finding.chain}")
            place = f", place {finding.position}" if finding.position else ""
            self.stdout.write(f"{finding.fault.upper()} ({where}{place}): {finding.text}")
        if report.findings:
            raise CommandError(f"{len(report.findings)} findings in {report.events} sealed events.", returncode=1)
        self.stdout.write(f"{report.events} sealed events, all whole.")
