from django.db import migrations


class Migration(migrations.Migration):
    """PostgreSQL counts what a table holds after a tenth of it has changed. In a storm after a quiet year that is long after the
    storm: until then it takes the open incidents for a handful, and sorts all of them for each page of a list."""

    dependencies = [
        ("incidents", "0004_live_severity"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE incidents_incident SET (autovacuum_analyze_scale_factor = 0.005, autovacuum_analyze_threshold = 500)",
            "ALTER TABLE incidents_incident RESET (autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)",
        ),
    ]
