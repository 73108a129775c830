"""What people answer to a page, from wherever they read it: signed links, reply codes, chat commands, e-mail. Pure."""

from __future__ import annotations
