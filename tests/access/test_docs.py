"""The documents name every variable and every check, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

ROOT: Path = settings.BASE_DIR
DOCUMENT = (ROOT / "docs/configuration.md").read_text()


def test_every_variable_of_the_settings_is_documented_and_no_other() -> None:
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', (ROOT / "aiops/settings.py").read_text())) | {"DATABASE_URL"}
    assert set(re.findall(r"`((?:AIOPS|AI_SRE|REDIS|DATABASE)_[A-Z_]+)`", DOCUMENT)) == read


def test_every_check_is_documented_and_no_other() -> None:
    source = "".join((ROOT / app / "checks.py").read_text() for app in ("aiops/access", "notifications"))
    pattern = r"(?:access|notifications)\.[EWI]\d{3}"
    assert set(re.findall(pattern, DOCUMENT)) == set(re.findall(pattern, source))
