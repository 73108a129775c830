"""A chainer of its own, for the test that kills one: seals in small batches until nothing is left, and says so after each."""

from __future__ import annotations

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "aiops.settings"
django.setup()

from aiops.audit import chain  # noqa: E402
from aiops.audit.models import AuditSeal  # noqa: E402
from aiops.kernel.clock import utcnow  # noqa: E402

if __name__ == "__main__":
    while AuditSeal.objects.filter(position__isnull=True).exists():
        if chain.seal_batch(utcnow(), limit=10):
            print("sealed", flush=True)
