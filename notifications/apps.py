from __future__ import annotations

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications import handlers  # noqa: PLC0415 - models are loaded by now, and not before

        handlers.subscribe()
