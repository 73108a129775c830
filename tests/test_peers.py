"""What is missing on a machine is told, and how to get it; in CI it is a failure."""

from __future__ import annotations

import ast

import pytest

from tests import peers
from tests.test_house import ROOT


def test_a_missing_program_skips_on_a_laptop_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peers.PACKAGES, "no-such-program", "no-such-package")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        peers.need("no-such-program")
    first, second = peers.what_was_skipped([f"Skipped: {skipped.value.msg}"] * 3 + ["Skipped: only root can do that"])
    assert "3 without no-such-program" in first and "apt-get install no-such-package" in second
    assert peers.what_was_skipped(["Skipped: only root can do that"]) == []
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        peers.need("no-such-program")


def test_every_program_that_a_proof_needs_has_a_package_that_ci_installs() -> None:
    needed = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("need", "program", "harness.program"):
                needed |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    assert {"chromium", "faketime", "prometheus"} <= needed
    assert needed <= set(peers.PACKAGES)
    installed = (ROOT / ".ci" / "run").read_text()
    assert all(package in installed for package in peers.PACKAGES.values() if package != "util-linux")  # Debian's own
