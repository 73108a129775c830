from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """A column named after the glossary's verbs; its meaning stays."""

    dependencies = [("incidents", "0011_timeline_kinds")]

    operations = [migrations.RenameField("Trouble", "told_at", "reported_at")]
