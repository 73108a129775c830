"""What the calendar says is who is told: an override changes whom the next alert pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from aiops.access.actors import SYSTEM
from aiops.access.models import User, Workspace
from aiops.kernel.clock import utcnow
from notifications.choices import Purpose
from notifications.escalation.services.policies import create_policy, set_service_policy
from notifications.escalation.services.steps import run_due
from notifications.models import Delivery
from tests.factories import fire, make_route, make_service
from tests.oncall.conftest import MakeSchedule, day_layer


@pytest.mark.django_db
def test_an_override_made_on_the_page_changes_whom_the_next_alert_pages(
    make: MakeSchedule,
    workspace: Workspace,
    ana: User,
    bo: User,
    browser: Callable[[User], Client],
    settings: Any,
) -> None:
    settings.AIOPS_SMTP_URL = "smtp://127.0.0.1:25"
    now = utcnow()
    schedule = make(layers=[day_layer(ana, starts_at=now - timedelta(hours=1))])
    service = make_service(workspace, "payments")
    steps = [{"name": "L1", "targets": [{"kind": "schedule", "id": schedule.pk}]}]
    policy = create_policy(actor=SYSTEM, workspace=workspace, name="P", definition={"steps": steps}, now=now)
    set_service_policy(actor=SYSTEM, service_id=service.pk, policy_id=policy.pk)

    def paged_by_an_alert() -> list[str]:
        outcome = fire(make_route(workspace, service), utcnow())
        run_due(utcnow())
        rows = Delivery.objects.filter(incident=outcome.incident_id, purpose=Purpose.PAGE)
        return list(rows.values_list("recipient__username", flat=True))

    assert paged_by_an_alert() == ["ana"]
    times = {"starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}"}
    browser(ana).post(f"/console/oncall/{schedule.pk}/override", {"user": bo.pk, **times})
    assert paged_by_an_alert() == ["bo"]
