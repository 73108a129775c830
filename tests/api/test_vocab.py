"""Vocabularies are total over our enums, and a state word and the filter by it never disagree."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import pytest

from aiops.access.models import Workspace
from incidents.choices import Automation, EntryKind, Severity, Status
from incidents.core.filters import severity_words
from incidents.models import Incident
from incidents.response.api import states
from incidents.response.api.client import vocab as client
from incidents.response.api.dashboard import vocab as dashboard
from incidents.response.api.events import vocab as events
from incidents.response.api.v1 import timeline
from incidents.response.api.v1 import vocab as v1
from tests.factories import NOW, make_incident, minutes

TABLES = {"client": client.STATES, "events": events.STATES, "v1": v1.STATES}
SEVERITY_TABLES = {"client": client, "dashboard": dashboard, "events": events, "v1": v1}


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        *((module.SEVERITIES, Severity) for module in SEVERITY_TABLES.values()),
        (dashboard.STATUSES, Status),
        (v1.CHANGE_TYPES, Status),
        (timeline.SENTENCES, EntryKind),
    ],
)
def test_every_member_has_a_word(table: Mapping[Any, Any], enum: type[Enum]) -> None:
    assert set(table) == set(enum)


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("client", ("critical", "high", "warning", "info", "info")),
        ("dashboard", ("critical", "warning", "warning", "info", "info")),
        ("events", ("critical", "error", "warning", "info", "info")),
        ("v1", ("critical", "high", "medium", "low", "info")),
    ],
)
def test_severities_as_the_design_has_them(dialect: str, words: tuple[str, ...]) -> None:
    table = SEVERITY_TABLES[dialect].SEVERITIES
    assert tuple(table[severity] for severity in sorted(Severity, reverse=True)) == words


@pytest.mark.parametrize("dialect", SEVERITY_TABLES)
def test_every_severity_is_found_by_its_word(dialect: str) -> None:
    table = SEVERITY_TABLES[dialect].SEVERITIES
    words = severity_words(table)
    for severity, word in table.items():
        (condition,) = words[word].children  # type: ignore[union-attr]
        assert condition == ("severity__in", [other for other in table if table[other] == word])
        assert severity in condition[1]  # type: ignore[index]


@pytest.mark.parametrize("dialect", TABLES)
def test_every_table_ends_with_a_word_for_the_rest(dialect: str) -> None:
    assert TABLES[dialect][-1][0] is states.ANY


class Case:
    """An incident as far as its state goes."""

    def __init__(
        self, status: Status, automation: Automation, escalated: bool, snooze: float | None, rule: Any
    ) -> None:
        self.status, self.automation, self.suppressed_by = status, automation, rule
        self.escalated_at: datetime | None = NOW if escalated else None
        self.snoozed_until = None if snooze is None else NOW + minutes(snooze)

    def __repr__(self) -> str:
        return str(vars(self))


CASES = [
    Case(*facts)
    for facts in itertools.product(Status, Automation, (False, True), (None, -5, 0, 5), (None, {"name": "window"}))
]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ((Status.OPEN, Automation.IDLE, False, None, None), ("open", "TRIGGERED", "Detected")),
        ((Status.OPEN, Automation.ANALYZING, False, None, None), ("open", "TRIGGERED", "Analyzing")),
        ((Status.OPEN, Automation.REMEDIATING, False, None, None), ("open", "TRIGGERED", "Remediating")),
        ((Status.OPEN, Automation.CONTAINED, False, None, None), ("open", "TRIGGERED", "Contained")),
        ((Status.OPEN, Automation.EXHAUSTED, True, None, None), ("open", "ESCALATED", "Escalated")),
        ((Status.OPEN, Automation.CONTAINED, True, None, None), ("open", "ESCALATED", "Escalated")),
        ((Status.OPEN, Automation.IDLE, True, 5, None), ("open", "SNOOZED", "Escalated")),
        ((Status.OPEN, Automation.IDLE, True, 5, {}), ("open", "SUPPRESSED", "Escalated")),
        ((Status.OPEN, Automation.IDLE, False, -5, None), ("open", "TRIGGERED", "Detected")),
        ((Status.ACKNOWLEDGED, Automation.ANALYZING, False, None, None), ("acknowledged", "ACKNOWLEDGED", "Analyzing")),
        ((Status.INVESTIGATING, Automation.IDLE, True, None, None), ("acknowledged", "ACKNOWLEDGED", "Escalated")),
        ((Status.RESOLVED, Automation.REMEDIATING, True, 5, {}), ("resolved", "RESOLVED", "Resolved")),
        ((Status.CLOSED, Automation.IDLE, False, None, None), ("resolved", "RESOLVED", "Resolved")),
    ],
)
def test_the_first_match_wins(facts: tuple[Any, ...], words: tuple[str, ...]) -> None:
    case = Case(*facts)
    assert tuple(states.word_of(table, case, NOW) for table in TABLES.values()) == words


@pytest.mark.django_db
def test_filters_find_exactly_the_incidents_that_have_the_word(workspace: Workspace) -> None:
    first = make_incident(workspace)
    rows = []
    for number, case in enumerate(CASES):
        row = Incident.objects.get(pk=first.pk)
        row.pk, row.name, row.dedup_hash = None, f"INC-20260319-{number + 2000}", _hash(number)
        for fact, value in vars(case).items():
            setattr(row, fact, value)
        rows.append(row)
    rows = Incident.objects.bulk_create(rows)

    for table in TABLES.values():
        filters = states.words_to_q(table)
        assert set(filters) == {word for _, word in table}
        for word, q in filters.items():
            found = set(Incident.objects.exclude(pk=first.pk).filter(q(NOW)).values_list("pk", flat=True))
            assert found == {row.pk for row in rows if states.word_of(table, row, NOW) == word}, word


def _hash(number: int) -> Any:
    return f"00000000-0000-0000-0000-{number:012x}"
