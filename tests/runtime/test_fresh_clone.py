"""``make run`` as a stranger meets it: a fresh clone, an empty environment, nothing cached."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.peers import need
from tests.runtime.installation import ROOT, Installation, wait_for

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]

NOBODY = 65534


class Clone:
    """A copy of what is (or would be) committed, below a folder that every user may enter."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiops-clone-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.tree = self.folder / "aiops"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).exists():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)

    def make_run(self, prefix: tuple[str, ...] = (), **environment: str) -> Installation:
        """``make run`` in it, knowing nothing but *environment*."""
        installation = Installation(self.tree / "data")
        settings = [f"{name}={value}" for name, value in {"AIOPS_PORT": "0", **environment}.items()]
        installation.command = [*prefix, "env", "-i", *settings, need("make"), "-C", str(self.tree), "run"]
        installation.environment = {"PATH": os.defpath}
        installation.start()
        return installation


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    made = Clone()
    yield made
    shutil.rmtree(made.folder)


@pytest.fixture(scope="module")
def first(clone: Clone) -> Iterator[Installation]:
    """The first ``make run``, ready."""
    installation = clone.make_run(HOME=str(clone.home))
    try:
        installation.wait_until_ready(400)
        yield installation
        assert installation.stop() in (0, 2, -15)  # make tells its own story of a signal
        wait_for(lambda: installation.postgres_pid() is None)
    finally:
        installation.clean_up()


def test_says_what_it_does_while_it_sets_up(first: Installation) -> None:
    steps = ("making a virtual environment", "installing the locked requirements", "making a PostgreSQL", "is ready:")
    places = [first.output.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), first.output


def test_printed_command_raises_an_incident_that_the_page_shows(first: Installation) -> None:
    chromium = need("chromium")
    curl = first.said(r"try it:\n\s+(curl .*)")
    answer = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, check=True).stdout
    assert '"status":"success"' in answer
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{first.url}/console")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", first.said(r"password: (\S+)"))
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{first.url}/console**")
        page.goto(f"{first.url}/console/incidents")
        page.get_by_text("CPU usage above 90%").first.wait_for()
        browser.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="we are an ordinary user already")
def test_ordinary_user(clone: Clone, first: Installation) -> None:
    folder = clone.folder / "nobody"
    folder.mkdir()
    shutil.chown(folder, NOBODY)
    become = (need("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    installation = clone.make_run(become, AIOPS_DATA_DIR=str(folder / "data"))
    installation.data = folder / "data"
    try:
        installation.wait_until_ready()
        assert (folder / "data" / "postgres").stat().st_uid == NOBODY
    finally:
        installation.stop()
        installation.clean_up()


def test_second_start_needs_no_home_and_installs_nothing(clone: Clone, first: Installation) -> None:
    """On a data directory of its own, beside the first: the environment is there, only the database is new."""
    data = clone.folder / "again"
    for attempt in range(2):
        installation = clone.make_run(AIOPS_DATA_DIR=str(data))
        installation.data = data
        try:
            installation.wait_until_ready()
            assert "installing" not in installation.output
            assert ("making a PostgreSQL" in installation.output) == (attempt == 0)
            installation.stop()
            wait_for(lambda: not (data / "postgres" / "postmaster.pid").exists())
        finally:
            installation.clean_up()
