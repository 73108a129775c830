from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "aiops.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from aiops.access import checks  # noqa: F401, PLC0415 - registering checks needs loaded apps
