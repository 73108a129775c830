"""Secrets in the bodies that are kept already are hidden as in those to come."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from aiops.kernel.redaction import redact


def redact_stored(apps: Any, schema_editor: Any) -> None:
    letters = apps.get_model("incidents", "DeadLetter").objects
    for letter in letters.order_by("pk").iterator(chunk_size=50):
        cleaned = redact(bytes(letter.raw))
        if cleaned != bytes(letter.raw):
            letters.filter(pk=letter.pk).update(raw=cleaned)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0005_statistics")]

    operations = [migrations.RunPython(redact_stored, migrations.RunPython.noop)]
