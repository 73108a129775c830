"""Where answers come in over HTTP: signed links and callbacks. Each parses, calls one service, and says what came of it."""

from __future__ import annotations
