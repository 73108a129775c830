"""The decision trace of a signal: what each stage decided and why. Pure. It answers "why did (n't) this page?"."""

from __future__ import annotations

from typing import Any

from incidents.choices import Result
from incidents.contracts import Arrival, Outcome

Stage = dict[str, Any]


def trace(outcome: Outcome) -> list[Stage]:
    """The stages that *outcome*'s signal went through, each ``{"stage", "outcome", …details}``, in order."""
    arrival, signal = outcome.arrival, outcome.arrival.signal
    stages: list[Stage] = [
        {
            "stage": "received",
            "outcome": "accepted",
            "source": arrival.route.source_kind,
            "source_id": arrival.route.source_id,
        },
        {"stage": "parsed", "outcome": signal.action, **({"warnings": signal.warnings} if signal.warnings else {})},
        {"stage": "routed", "outcome": "service", "service_id": arrival.route.service_id},
        {"stage": "dedup", "outcome": _dedup(outcome), "strategy": signal.dedup_strategy, "key": signal.dedup_key},
    ]
    stages.append(_decided(outcome))
    return stages


def _dedup(outcome: Outcome) -> str:
    if outcome.incident_id is None or outcome.result in (Result.OPENED, Result.OPENED_RESOLVED):
        return "no live incident with this key"
    return "matched a live incident"


def _decided(outcome: Outcome) -> Stage:
    stage: Stage = {"stage": "decided", "outcome": outcome.result}
    if outcome.reason:
        stage["reason"] = outcome.reason
    if outcome.incident_name:
        stage["incident"] = outcome.incident_name
    return stage


def source_label(arrival: Arrival) -> str:
    """Who said it, as the timeline names it: ``webhook:prometheus``; the kind alone when the sender names no other source."""
    kind, source = str(arrival.route.source_kind), arrival.signal.source
    return f"{kind}:{source}"[:254] if source and source != kind else kind
