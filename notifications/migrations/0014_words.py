from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns named after the glossary's verbs; their meaning stays."""

    dependencies = [("notifications", "0013_is_system")]

    operations = [
        migrations.RenameField("EscalationRun", "told", "notified_steps"),
        migrations.RenameField("Schedule", "gaps_told", "reported_gaps"),
        migrations.AlterField(
            "Delivery",
            "digest",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="bundled",
                to="notifications.delivery",
            ),
        ),
    ]
