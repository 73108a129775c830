"""How long a test waits for something that must come. Only a hang lasts longer: these limits say nothing of speed."""

from __future__ import annotations

PATIENCE = 90.0  # seconds for what comes within a few on an idle machine
STOPPED = 60.0  # seconds for the end of a process that is given ten to stop (``python -m bench start`` measures them)
