from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from aiops.access.events import WorkspaceEvent
from aiops.kernel import events, outbox
from aiops.kernel.outbox import Duty


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        from incidents import handlers  # noqa: PLC0415 - models are loaded by now, and not before
        from incidents.response.services import timers  # noqa: PLC0415

        outbox.register(
            Duty(
                task="incidents.tasks.sweep",
                every=settings.AIOPS_SWEEP_SECONDS,
                clock_went_back=timers.clock_went_back,
            )
        )
        events.subscribe(WorkspaceEvent.CREATED, handlers.set_up_workspaces)
