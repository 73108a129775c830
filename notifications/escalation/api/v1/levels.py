"""A policy's steps as v1's levels, and back. Pure. Fields that v1 does not know stand beside its own, so that nothing
is lost.

A level's ``timeoutMinutes`` is the time before the next level: the delay of our next step, or the last wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from notifications.choices import TargetKind

TIMEOUT = 15  # minutes, where a level says nothing
MOST_REPEATS = 10
TYPES: dict[TargetKind, str] = {
    TargetKind.USER: "user",
    TargetKind.TEAM: "team",
    TargetKind.SCHEDULE: "oncall",
    TargetKind.CHANNEL: "channel",
    TargetKind.ADMINS: "admins",
}
KINDS = {word: kind for kind, word in TYPES.items()}

NameOf = Callable[[TargetKind, int], str]
IdOf = Callable[[TargetKind, str, str], int]


def levels_of(definition: Mapping[str, Any], name_of: NameOf) -> dict[str, Any]:
    """The part of v1's spec that the definition (JSON form) says; *name_of(kind, id)* is what a target is called."""
    steps = definition["steps"]
    waits = [*(step["delay_minutes"] for step in steps[1:]), definition["final_wait_minutes"]]
    return {
        "levels": [_level(step, wait, name_of) for step, wait in zip(steps, waits, strict=True)],
        "initialDelayMinutes": steps[0]["delay_minutes"],
        "repeat": definition["repeat"],
        "acknowledgeMinutes": definition["acknowledge_minutes"],
        "fallbackChannels": [name_of(TargetKind.CHANNEL, pk) for pk in definition["fallback_destinations"]],
        "stopAfterMinutes": definition["stop"]["after_minutes"],
        "stopBelowSeverity": definition["stop"]["below_severity"],
    }


def definition_of(spec: Mapping[str, Any], id_of: IdOf) -> dict[str, Any]:
    """The JSON form of a definition from v1's spec; *id_of(kind, name, path)* finds what a name stands for, or refuses it."""
    levels = spec["levels"]
    waits = [level.get("timeoutMinutes", TIMEOUT) for level in levels]
    delays = [spec.get("initialDelayMinutes", 0), *waits[:-1]]
    fallback = spec.get("fallbackChannels") or []
    return {
        "steps": [_step(level, f"levels[{n}]", delays[n], waits[n], id_of) for n, level in enumerate(levels)],
        "repeat": spec.get("repeat", 0),
        "final_wait_minutes": waits[-1] if waits else TIMEOUT,
        "acknowledge_minutes": spec.get("acknowledgeMinutes"),
        "fallback_destinations": [
            id_of(TargetKind.CHANNEL, name, f"fallbackChannels[{n}]") for n, name in enumerate(fallback)
        ],
        "stop": {"after_minutes": spec.get("stopAfterMinutes"), "below_severity": spec.get("stopBelowSeverity")},
    }


def _level(step: Mapping[str, Any], wait: int, name_of: NameOf) -> dict[str, Any]:
    named = [(TargetKind(target["kind"]), target["id"]) for target in step["targets"]]
    return {
        "name": step["name"],
        "timeoutMinutes": wait,
        "targets": [{"type": TYPES[kind], "name": name_of(kind, pk)} for kind, pk in named],
        "notifyChannels": [name_of(kind, pk) for kind, pk in named if kind == TargetKind.CHANNEL],
        "repeatIntervalMinutes": step["repeat_every_minutes"],
        "repeatTimes": step["repeat_times"],
        "conditions": step["conditions"],
        "otherwise": step["otherwise"],
        "urgency": step["urgency"],
    }


def _step(level: Mapping[str, Any], path: str, delay: int, wait: int, id_of: IdOf) -> dict[str, Any]:
    targets = [
        (KINDS[target["type"]], id_of(KINDS[target["type"]], target.get("name", ""), f"{path}.targets[{n}].name"))
        for n, target in enumerate(level.get("targets") or [])
    ]
    targets += [
        (TargetKind.CHANNEL, id_of(TargetKind.CHANNEL, name, f"{path}.notifyChannels[{n}]"))
        for n, name in enumerate(level.get("notifyChannels") or [])
    ]
    every = level.get("repeatIntervalMinutes", 0)
    times = level.get("repeatTimes")
    return {
        "name": level.get("name", ""),
        "delay_minutes": delay,
        "repeat_every_minutes": every,
        "repeat_times": _fitting(every, wait) if times is None else times,
        "targets": [{"kind": str(kind), "id": pk} for kind, pk in dict.fromkeys(targets)],
        "conditions": level.get("conditions") or {},
        "otherwise": level.get("otherwise", "skip"),
        "urgency": level.get("urgency", "auto"),
    }


def _fitting(every: int, wait: int) -> int:
    """How often a level is told again, every so many minutes, before its time is over."""
    return min(MOST_REPEATS, max(0, (wait - 1) // every)) if every else 0
