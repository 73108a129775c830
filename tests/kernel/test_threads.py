"""A process whose essential thread or task dies ends; one that was asked to end does not take the process along."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aiops.kernel.threads import DIED
from tests.patience import PATIENCE
from tests.runtime.installation import ROOT

THREAD = """
import logging, sys, threading
from aiops.kernel.threads import essential
logging.basicConfig(stream=sys.stderr)
def work():
    {work}
essential("writer", work).start()
threading.Event().wait(float({patience}))
print("went on")
"""
TASK = """
import asyncio, logging, sys
from aiops.kernel.threads import essential_task
logging.basicConfig(stream=sys.stderr)
async def work():
    {work}
async def main():
    task = essential_task("feed", work())
    {then}
    await asyncio.sleep(float({patience}))
    print("went on")
asyncio.run(main())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (THREAD.format(work="raise OSError(22, 'sleep')", patience=50), "writer"),
        (THREAD.format(work="sys.exit(0)", patience=50), "writer"),
        (TASK.format(work="raise ValueError('odd')", then="", patience=50), "feed"),
    ],
)
def test_a_death_ends_the_process_and_is_told(code: str, part: str) -> None:
    done = run(code)
    assert (done.returncode, "went on" in done.stdout) == (DIED, False)
    assert f"the thread {part} has died" in done.stderr or f"the task {part} has died" in done.stderr
    assert f"this process ends, since its {part} is gone" in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        THREAD.format(work="return", patience=0.2),
        TASK.format(work="await asyncio.sleep(50)", then="task.cancel()", patience=0.1),
    ],
)
def test_an_end_that_was_asked_for_is_no_death(code: str) -> None:
    done = run(code)
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr
