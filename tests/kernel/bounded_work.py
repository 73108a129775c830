"""Functions for a bounded process to work on: pure ones and bad ones."""

from __future__ import annotations

import os
import time
from typing import Any

from aiops.kernel.bounded import TooLong, at_most
from aiops.kernel.errors import InvalidInput


def length(data: bytes, *, times: int) -> dict[str, Any]:
    return {"length": len(data) * times, "secrets": sorted(name for name in os.environ if "AIOPS" in name)}


def spin(data: bytes) -> None:
    while True:
        pass


def sleep(data: bytes) -> None:
    time.sleep(600)


def grow(data: bytes) -> int:
    return len(bytearray(4 * 1024 * 1024 * 1024))


def talk(data: bytes) -> str:
    return "x" * (9 * 1024 * 1024)


def refuse(data: bytes) -> None:
    raise InvalidInput("A name is missing", details="Give one.", field="name")


def stumble(data: bytes) -> None:
    raise KeyError("nothing")


def write(data: bytes, *, path: str) -> None:
    with open(path, "w") as file:
        file.write("x" * 10)


def spin_in_turns(data: bytes, *, turns: int) -> int:
    cut = 0
    for _ in range(turns):
        try:
            with at_most(0.05):
                spin(data)
        except TooLong:
            cut += 1
    return cut
