"""What the guard must hold back, done in a child of a helper process: each deed by its name."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from notifications.apprise_helper.guard import Guard


def work(request: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Which of the deeds were possible, and what was said of the others."""
    if "hang=yes" in request.get("url", ""):
        time.sleep(600)
    folder, port = Path(request.get("folder", "/nonexistent")), request.get("port", 1)
    deeds: dict[str, Callable[[], object]] = {
        "connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
        "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        "local socket": lambda: socket.socket(socket.AF_UNIX).connect(str(folder / "socket")),
        "write": lambda: (folder / "new").write_text("x"),
        "read": lambda: (folder / "kept").read_text(),
        "unlink": lambda: (folder / "kept").unlink(),
        "run": lambda: subprocess.run(["true"]),
        "read passwd": lambda: Path("/usr/../etc/passwd").read_text(),
        "read python": lambda: Path(socket.__file__).read_text(),
    }
    guard, done = Guard(tuple(request.get("allow", ())), lambda: say("calling")), []
    for name in request["deeds"]:
        try:
            deeds[name]()
            done.append(name)
        except PermissionError:
            continue
    return {"done": done, "refused": guard.refused}
