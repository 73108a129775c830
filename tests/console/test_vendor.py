"""What is not ours is unchanged, and nothing is loaded from outside."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "static/vendor"
OUTSIDE = re.compile(r"""(?:src|href|url|import|from)\s*[=(]?\s*["']?(?:https?:)?//(?!www\.w3\.org)""")


@pytest.mark.parametrize("line", (VENDOR / "SHA256SUMS").read_text().splitlines())
def test_vendored_files_are_what_they_were(line):
    digest, name = line.split()
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_every_vendored_script_is_listed_with_a_licence():
    listed = (VENDOR / "SHA256SUMS").read_text()
    for script in VENDOR.rglob("*.js"):
        assert script.relative_to(VENDOR).as_posix() in listed
        assert (script.parent / "LICENSE").is_file()


@pytest.mark.parametrize(
    "path", [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/*.js"), *ROOT.glob("static/css/*.css")]
)
def test_nothing_comes_from_outside_or_runs_inline(path):
    text = path.read_text()
    assert not OUTSIDE.search(text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:|hx-on", text)


@pytest.mark.parametrize("script", [path.name for path in ROOT.glob("static/js/*.js")])
def test_scripts_stay_small_and_are_loaded(script):
    from aiops.console.context import SCRIPTS
    from notifications.delivery.console.installed import SCRIPT

    asked_for = {*SCRIPTS, SCRIPT}
    for template in ROOT.glob("templates/**/*.html"):
        asked_for.update(re.findall(r"{% asset '(js/[\w-]+\.js)' %}", template.read_text()))
    assert f"js/{script}" in asked_for
    assert len((ROOT / "static/js" / script).read_text().splitlines()) <= 120
