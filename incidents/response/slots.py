"""The places on incidents' pages and answers that upper apps fill (``aiops.kernel.slots``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from django.utils.safestring import SafeString

from aiops.kernel.slots import Slot
from incidents.core.models import Incident
from incidents.response.next_step import NextStep, most_urgent


class NextLoader(Protocol):
    """Says what an app does next with each live incident if nobody acts; incidents that it does nothing with are left out.

    *incidents*, by their keys, are those of *incident_ids* as the page has loaded them.
    """

    def __call__(
        self, incident_ids: Sequence[int], *, now: datetime, incidents: Mapping[int, Incident]
    ) -> Mapping[int, NextStep]: ...


class PanelLoader(Protocol):
    """Makes an app's panel on the page of each incident, as markup that is safe to show.

    *following* is what happens next to each, as the page says it.
    """

    def __call__(
        self,
        incident_ids: Sequence[int],
        *,
        now: datetime,
        incidents: Mapping[int, Incident],
        following: Mapping[int, NextStep],
    ) -> Mapping[int, SafeString]: ...


class AnnotationsLoader(Protocol):
    """Says an app's annotations of each incident in v1: names with a prefix of the app's own, and words."""

    def __call__(self, incident_ids: Sequence[int], *, now: datetime) -> Mapping[int, Mapping[str, str]]: ...


def _union(several: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """All of them; where two apps say one name, the first registered counts."""
    return {name: word for each in reversed(several) for name, word in each.items()}


# What happens next, on rows and pages: one step, the most urgent of all apps.
NEXT: Slot[NextLoader, NextStep] = Slot("incident.next", most_urgent)
# Panels on the page of an incident: all of them, in the order in which the apps were installed.
PANELS: Slot[PanelLoader, list[SafeString]] = Slot("incident.panels", list)
# Annotations of v1's incidents: all of them.
V1_ANNOTATIONS: Slot[AnnotationsLoader, dict[str, str]] = Slot("incident.v1_annotations", _union)
