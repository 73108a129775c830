"""``.ci/venv`` on machines that lack what it needs: it says what to do. (That it works is shown by the fresh clone.)"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.installation import ROOT

TOOLS = ("sh", "cat", "cksum", "dirname")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that holds hardly anything, beside a copy of what ``.ci/venv`` reads."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (programs / tool).symlink_to(found)
    (tmp_path / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci" / "venv", tmp_path / ".ci" / "venv")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def install(machine: Path, name: str, script: str) -> None:
    """Put a program of our own on the machine."""
    program = machine / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def make_environment(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / ".ci" / "venv", "base"],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_python_that_fits(machine: Path) -> None:
    install(machine, "python3", "exit 1")
    done = make_environment(machine)
    assert done.returncode == 1
    assert "Python 3.11 to 3.14 is needed" in done.stderr


def test_newer_python_is_found_beside_an_old_one(machine: Path) -> None:
    install(machine, "python3", "exit 1")
    install(machine, "python3.12", 'case "$2" in *print*) echo 3.12;; *ensurepip*) exit 1;; esac')
    assert "apt install python3.12-venv" in make_environment(machine).stderr


def test_debian_without_venv_names_the_package(machine: Path) -> None:
    install(machine, "python3", 'case "$2" in *print*) echo 3.11;; *ensurepip*) exit 1;; esac')
    done = make_environment(machine)
    assert done.returncode == 1
    assert "apt install python3.11-venv" in done.stderr
    assert not (machine / ".venv").exists()


def test_nothing_is_done_twice(machine: Path) -> None:
    """The requirements' checksum decides: installed once, again only when they change."""
    (machine / ".venv" / "bin").mkdir(parents=True)
    log = machine / "log"
    (machine / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\n[ "$1" = -m ] && echo "$@" >> {log}\nexit 0\n')
    (machine / ".venv" / "bin" / "python").chmod(0o755)
    for _ in range(2):
        assert make_environment(machine).returncode == 0
    assert len(log.read_text().splitlines()) == 1
    assert "--require-hashes -r requirements/base.txt" in log.read_text()
    with (machine / "requirements" / "base.txt").open("a") as file:
        file.write("# newer\n")
    assert make_environment(machine).returncode == 0
    assert len(log.read_text().splitlines()) == 2
