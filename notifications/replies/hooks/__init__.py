"""HTTP endpoints of replies: signed links and providers' callbacks. Each parses, calls one service, and renders the
answer.
"""

from __future__ import annotations
