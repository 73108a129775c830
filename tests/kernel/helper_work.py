"""Work for a helper process: good and bad."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any


def work(request: Mapping[str, Any], say: Callable[[str], None]) -> Any:
    match request["do"]:
        case "echo":
            say("on it")
            return {
                "said": request["word"],
                "pid": os.getpid(),
                "helper": os.getppid(),
                "environment": dict(os.environ),
            }
        case "sleep":
            say(f"asleep {os.getpid()}")
            time.sleep(600)
        case "spin":
            while True:
                pass
        case "grow":
            return len(bytearray(4 * 1024 * 1024 * 1024))
        case "stumble":
            raise KeyError("a secret")
        case "write":
            with open(request["path"], "w") as file:
                file.write("x" * 100_000)
        case "stop the helper":
            os.kill(os.getppid(), 19)
            time.sleep(600)
    return None
