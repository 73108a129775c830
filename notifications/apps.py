from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from aiops.kernel import outbox
from aiops.kernel.outbox import Duty


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from incidents.response import slots  # noqa: PLC0415
        from notifications import checks, handlers  # noqa: F401, PLC0415 - models are loaded by now, and not before
        from notifications.delivery import slots as delivery_slots  # noqa: PLC0415
        from notifications.delivery import timeline  # noqa: PLC0415
        from notifications.delivery.selectors import pages  # noqa: PLC0415
        from notifications.delivery.services import doorbell  # noqa: PLC0415
        from notifications.escalation.console import panel  # noqa: PLC0415
        from notifications.escalation.selectors import next_steps, schedule_users, v1_annotations  # noqa: PLC0415
        from notifications.oncall import slots as oncall_slots  # noqa: PLC0415
        from notifications.oncall.services import departures  # noqa: PLC0415
        from notifications.replies.services import verbs  # noqa: PLC0415
        from notifications.watch.services import clock_rollback  # noqa: PLC0415

        timeline.register()
        verbs.register()
        outbox.register(
            Duty(task=doorbell.TASK, every=settings.AIOPS_PAGING_SECONDS, clock_went_back=clock_rollback.move)
        )
        handlers.subscribe()
        departures.subscribe()
        oncall_slots.PAGES.fill(pages.pages)
        oncall_slots.USERS.fill(schedule_users.policies_of_schedules)
        delivery_slots.NEXT.fill(next_steps.spoken)
        slots.NEXT.fill(next_steps.next_steps)
        slots.V1_ANNOTATIONS.fill(v1_annotations.escalation_annotations)
        slots.PANELS.fill(panel.panels)
