"""The glossary and the code agree: no name has a word that the glossary rejects, and every table is a word of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
OURS = ("aiops", "incidents", "notifications")
ROW = re.compile(r"^\| (?!say |---)(?P<say>[^|]+) \| (?P<means>[^|]+) \| (?P<instead>[^|]*) \|$", re.M)
# Dialects, hooks and parsers speak their senders' words.
FOREIGN = ("api", "hooks", "sources", "channels", "migrations")


def rows() -> list[re.Match[str]]:
    return list(ROW.finditer((ROOT / "docs" / "glossary.md").read_text()))


def rejected() -> dict[str, str]:
    """Each word in code font of the last column → what to say in its place."""
    return {word: row["say"] for row in rows() for word in re.findall(r"`([a-z_]+)`", row["instead"])}


def words_of(name: str) -> list[str]:
    """``DestinationQueue`` and ``destination_queue`` → destination, queue; a plural as its singular."""
    found = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return [re.sub(r"(?<=[a-z]{3})s$", "", word.lower()) for word in found]


def names() -> Iterator[tuple[str, str]]:
    """Every public module, class, function and field of our apps, each with its place."""
    for app in OURS:
        for path in (ROOT / app).rglob("*.py"):
            place = str(path.relative_to(ROOT))
            if set(path.relative_to(ROOT).parts) & set(FOREIGN):
                continue
            yield place, path.parent.name if path.stem == "__init__" else path.stem
            tree = ast.parse(path.read_text())
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield place, node.name
                if isinstance(node, ast.ClassDef):
                    for member in node.body:
                        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                            yield f"{place}: {node.name}", member.name
                        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                            yield f"{place}: {node.name}", member.target.id
    for model in apps.get_models():
        if model._meta.app_label in OURS:
            for field in model._meta.get_fields():
                yield model.__name__, field.name


def test_no_public_name_has_a_word_that_the_glossary_rejects() -> None:
    better = rejected()
    assert len(better) > 20
    wrong = {
        f"{place}: {name}": f"{word} → {better[word]}"
        for place, name in names()
        if not name.startswith("_")
        for word in words_of(name)
        if word in better
    }
    assert not wrong


def test_every_table_is_a_word_of_the_glossary() -> None:
    said = {word for row in rows() for word in re.split(r"[,;()] *", re.sub(r"[^a-z ,;()-]", "", row["say"].lower()))}
    said = {word.strip() for word in said}
    missing = []
    for model in apps.get_models():
        if model._meta.app_label in OURS or model.__module__.startswith("aiops."):
            word = " ".join(re.findall(r"[A-Z][a-z]+", model.__name__)).lower()
            if word not in said and not any(word.endswith(" " + it) or it == word for it in said):
                missing.append(model.__name__)
    assert not missing
