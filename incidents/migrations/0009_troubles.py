from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    dependencies = [("incidents", "0008_signals_read_right")]

    operations = [
        migrations.AddField(
            model_name="trouble",
            name="forget_at",
            field=models.DateTimeField(db_index=True, default=timezone.now),
            preserve_default=False,
        ),
    ]
