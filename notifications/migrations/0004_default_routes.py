"""Workspaces from before there was paging get the routes that a new one starts with."""

from __future__ import annotations

from django.db import migrations

DEFAULTS = {
    "critical": ["slack", "pagerduty", "email"],
    "high": ["slack", "email"],
    "medium": ["slack"],
    "low": ["slack"],
    "info": ["log"],
}


def make_routes(apps, schema_editor):
    Route = apps.get_model("notifications", "Route")
    Workspace = apps.get_model("access", "Workspace")
    Route.objects.bulk_create(
        Route(
            workspace=workspace,
            position=place,
            name=f"{severity.capitalize()} incidents",
            severities=[severity],
            channels=channels,
        )
        for workspace in Workspace.objects.all()
        for place, (severity, channels) in enumerate(DEFAULTS.items())
    )


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_coverage")]

    operations = [migrations.RunPython(make_routes, migrations.RunPython.noop)]
