"""Whether a destination may be used is one rule with one wording; its SQL twin agrees."""

from __future__ import annotations

from itertools import product

import pytest

from aiops.access.models import Workspace
from notifications.choices import ChannelKind
from notifications.delivery.console.destinations.boards import health_of
from notifications.delivery.models import Destination
from tests.factories import NOW


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, ""),
        ({"enabled": False, "broken_at": NOW, "verified_at": None}, "it is switched off"),
        ({"broken_at": NOW, "broken_reason": "404 Not Found."}, "it failed for good: 404 Not Found"),
        ({"broken_at": NOW}, "it failed for good"),
        ({"verified_at": None}, "it is not verified"),
    ],
)
def test_the_problem_of_a_destination(fields: dict[str, object], problem: str) -> None:
    row = Destination(kind=ChannelKind.LOG, label="Log", **{"verified_at": NOW, **fields})
    assert row.problem == problem
    health = health_of(row, NOW)
    assert health.text == (problem[:1].upper() + problem[1:] or "In order")
    assert health.bad == bool(problem and row.enabled)


@pytest.mark.django_db
def test_usable_rows_are_those_without_a_problem(workspace: Workspace) -> None:
    for number, (enabled, broken, verified) in enumerate(product((True, False), (None, NOW), (None, NOW))):
        Destination.objects.create(
            workspace=workspace,
            kind=ChannelKind.LOG,
            label=str(number),
            address_digest=str(number),
            enabled=enabled,
            broken_at=broken,
            verified_at=verified,
        )
    rows = Destination.objects.filter(workspace=workspace)
    assert {row.label for row in rows.usable()} == {row.label for row in rows if not row.problem}
    assert rows.usable().count() == 1
