"""The house rules that a linter does not know: sizes, no word of where this was made, lock files without addresses."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("aiops", "incidents", "notifications")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def modules() -> list[Path]:
    return [path for app in OURS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


@cache
def parsed() -> dict[str, tuple[int, ast.Module]]:
    """Each of our modules, by its path: how many lines it has, and its tree."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in modules()}
    return {path: (len(text.splitlines()), ast.parse(text)) for path, text in texts.items()}


def test_files_fit_on_a_few_screens() -> None:
    assert [path for path, (lines, _) in parsed().items() if lines > LONGEST_FILE] == []


def test_functions_fit_on_a_screen() -> None:
    functions = (
        (path, node)
        for path, (_, tree) in parsed().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert [
        f"{path}: {node.name}" for path, node in functions if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ] == []


def test_every_module_with_code_says_what_it_is_for_or_holds_one_class() -> None:
    assert [path for path, (_, tree) in parsed().items() if not _says_what_it_is_for(tree, path)] == []


def _says_what_it_is_for(tree: ast.Module, path: str) -> bool:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    code = [node for node in tree.body if not isinstance(node, ast.ImportFrom | ast.Import)]
    return (
        not code
        or bool(ast.get_docstring(tree))
        or any(ast.get_docstring(node) for node in classes)
        or path.endswith("/apps.py")
    )


def test_lock_files_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        assert not re.search(r"https?://|file:|--index|--find-links", path.read_text()), path.name
