"""Private parts of libraries: used only where ``docs/private-apis.md`` says so, and still shaped as we know them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.test_house import OURS, ROOT, modules

PAGE = (ROOT / "docs" / "private-apis.md").read_text()


class Line(NamedTuple):
    """A line of the page: names of parts, files that may use them, tests that fail when they change."""

    parts: list[str]
    files: list[str]
    tests: list[str]


def table(number: int) -> list[list[list[str]]]:
    """The words in code of each cell of the page's table *number*."""
    found = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)[number]
    return [[re.findall("`([^`]+)`", cell) for cell in row.split("|")[1:-1]] for row in found.splitlines()[2:]]


LINES = [Line(parts, files, tests) for _, parts, files, _, tests in table(0)]
DOCUMENTED = {name for names, _ in table(1) for name in names}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_") and name not in DOCUMENTED


def of_self(node: ast.AST) -> bool:
    """Whether *node* is ``self``, ``cls`` or ``super()``."""
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Name) and node.id in ("self", "cls", "super")


def attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def written(tree: ast.AST) -> set[str]:
    """The names that a piece of code makes: functions, variables, attributes of ``self``."""
    names = {node.attr for node in attributes(tree) if isinstance(node.ctx, ast.Store) and of_self(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@cache
def tree_of(thing: type) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


@cache
def offered(base: type) -> set[str]:
    """Everything that a class of somebody else has, on itself or on its instances."""
    try:
        return {*vars(base), *written(tree_of(base))}
    except (OSError, TypeError):  # written in C
        return {*vars(base)}


def foreign(kind: type) -> list[type]:
    """The bases of *kind* that are others'."""
    return [base for base in kind.__mro__ if base.__module__.partition(".")[0] not in (*OURS, "builtins")]


def used(kind: type) -> set[str]:
    """What a class of ours makes, or asks of itself."""
    tree = tree_of(kind)
    return {node.attr for node in attributes(tree) if of_self(node.value)} | written(tree)


def inherited(path: Path) -> set[str]:
    """Private names of others' classes that classes of a module of ours use or replace."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    found: set[str] = set()
    for kind in vars(importlib.import_module(name)).values():
        if inspect.isclass(kind) and kind.__module__ == name and len(kind.__mro__) > 2:
            try:
                ours = set(filter(is_private, used(kind)))
            except OSError:  # made by a decorator
                continue
            found |= {each for base in foreign(kind) for each in ours & offered(base)}
    return found


def reached(path: Path) -> set[str]:
    """Private names in a module of ours that it does not make itself: attributes, and what it imports."""
    tree = ast.parse(path.read_text())
    names = {node.attr for node in attributes(tree) if is_private(node.attr)} - written(tree)
    names |= {
        node.attr
        for node in attributes(tree)
        if is_private(node.attr) and isinstance(node.ctx, ast.Store) and not of_self(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            source = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
            told = [*source, *(part for alias in node.names for part in alias.name.split("."))]
            if not source or source[0] not in OURS:
                names |= {part for part in told if is_private(part)}
    return names


def imported(path: Path) -> set[str]:
    """The modules that a module of ours takes names from."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_private_names_are_used_only_where_the_page_says_so() -> None:
    found = set()
    for path in modules():
        file = str(path.relative_to(ROOT))
        names = reached(path) | (inherited(path) if path.name != "__main__.py" else set())
        found |= {(file, name) for name in names}
    listed = {(file, part) for line in LINES for file in line.files for part in line.parts if is_private(part)}
    assert found - listed == set(), "write it without, or add a line to docs/private-apis.md"
    stale = {part for line in LINES for part in line.parts if is_private(part)} - {name for _, name in found}
    assert stale == set(), "nobody uses these any more"
    assert {file for file, _ in listed} == {file for file, _ in found}


def test_inner_modules_of_libraries_are_imported_only_where_the_page_says_so() -> None:
    inner = {
        part: line.files for line in LINES for part in line.parts if re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", part)
    }
    assert len(inner) >= 4
    for path in modules():
        for module in imported(path):
            for part, files in inner.items():
                assert not module.startswith(part) or str(path.relative_to(ROOT)) in files, f"{path} imports {module}"


def test_each_line_names_files_that_are_there_and_tests_that_watch() -> None:
    for line in LINES:
        assert line.files and line.tests, line
        assert all((ROOT / file).is_file() for file in line.files), line.files
        assert all(callable(globals().get(name)) for name in line.tests), line.tests


def test_the_watch_sees_each_way_to_a_private_part(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "from library._inner import _name\nimport other._one\nthing._part\nthing._other = 1\nos._exit(0)\n"
    )
    assert reached(module) == {"_inner", "_name", "_one", "_part", "_other"}
    assert inherited(ROOT / "notifications" / "channels" / "email.py") == {"_get_socket"}


# --- what we know of them, one library after the other ------------------------------------------------------------------------


def calls(thing: Any) -> set[str]:
    """The attributes that a function or class speaks of."""
    return {node.attr for node in attributes(ast.parse(textwrap.dedent(inspect.getsource(thing))))}


def test_django_leaves_out_of_validation_what_a_form_does_not_show() -> None:
    from django.forms import ModelForm

    assert "_get_validation_exclusions" in calls(ModelForm._post_clean)
    assert inspect.signature(ModelForm._get_validation_exclusions).parameters.keys() == {"self"}


@pytest.mark.django_db
def test_django_lends_its_connection() -> None:
    import psycopg
    from django.db import DataError, connection

    connection.ensure_connection()
    assert isinstance(connection.connection, psycopg.Connection)
    with pytest.raises(DataError), connection.wrap_database_errors:
        raise psycopg.DataError
    assert connection.queries_logged in (True, False) and hasattr(connection.queries_log, "append")


def test_rest_framework_keeps_djangos_request() -> None:
    from django.test import RequestFactory
    from rest_framework.request import Request

    request = RequestFactory().get("/")
    assert Request(request)._request is request


def test_spectacular_asks_for_names_and_bodies() -> None:
    from drf_spectacular.openapi import AutoSchema

    from aiops.api.schema import DialectSchema

    assert {"_get_response_bodies"} <= calls(AutoSchema.get_operation)
    assert "_get_serializer_name" in calls(AutoSchema) and "_get_response_for_code" in calls(AutoSchema)
    for name in ("_get_serializer_name", "_get_response_bodies"):
        ours, theirs = (inspect.signature(getattr(kind, name)).parameters for kind in (DialectSchema, AutoSchema))
        assert ours.keys() == theirs.keys(), name


def test_uvicorn_offers_what_our_protocols_use() -> None:
    from incidents.front.bounded import BoundedProtocol
    from incidents.front.protocol import DoorProtocol
    from incidents.front.sockets import BoundedSocket

    for kind in (BoundedProtocol, DoorProtocol, BoundedSocket):
        own = {
            name for base in kind.__mro__ if base not in foreign(kind) and base is not object for name in offered(base)
        }
        theirs = {name for base in foreign(kind) for name in offered(base)}
        tree = tree_of(kind)
        asked = {node.attr for node in attributes(tree) if of_self(node.value)}
        assert asked - own - theirs == set(), f"{kind.__name__} uses what uvicorn does not have any more"
        after_super = {
            node.attr for node in attributes(tree) if isinstance(node.value, ast.Call) and of_self(node.value)
        }
        assert after_super <= own | theirs


def test_uvicorn_asks_no_more_of_a_cycle_than_ours_has() -> None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    from incidents.front.protocol import DoorCycle

    asked = {
        node.attr
        for node in attributes(tree_of(HttpToolsProtocol))
        if isinstance(node.value, ast.Attribute) and node.value.attr == "cycle" and of_self(node.value.value)
    }
    assert asked and asked - {*dir(DoorCycle)} == set()


def test_websockets_sends_a_handshake_by_one_method() -> None:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    from websockets.server import ServerProtocol

    assert inspect.signature(ServerProtocol.send_response).parameters.keys() == {"self", "response"}
    assert "send_response" in calls(WebSocketsSansIOProtocol)


def test_smtplib_connects_and_encrypts_by_two_names() -> None:
    import smtplib

    assert "_get_socket" in calls(smtplib.SMTP.connect) and "_get_socket" in calls(smtplib.SMTP_SSL._get_socket)
    assert "_host" in calls(smtplib.SMTP.starttls) and "_host" in calls(smtplib.SMTP_SSL._get_socket)
    assert [*inspect.signature(smtplib.SMTP._get_socket).parameters] == ["self", "host", "port", "timeout"]


def test_kombu_restores_only_where_the_channel_wants_it() -> None:
    from kombu.transport import redis, virtual

    from aiops.broker import Channel

    assert redis.Channel.do_restore and not Channel.do_restore
    assert "do_restore" in calls(virtual.QoS.restore_unacked_once)


def test_celery_leaves_our_connections_alone() -> None:
    from celery import beat
    from celery.fixups.django import DjangoWorkerFixup

    assert "CELERY_DB_REUSE_MAX" in inspect.getsource(DjangoWorkerFixup)
    assert "db_reuse_max" in calls(DjangoWorkerFixup.close_database)
    assert "'Message Error: %s" in inspect.getsource(beat.Scheduler.apply_entry)


def test_icalendar_knows_the_zones_of_windows() -> None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    assert WINDOWS_TO_OLSON["W. Europe Standard Time"] == "Europe/Berlin"


def test_apprise_takes_urls_apart_and_logs_statuses() -> None:
    from notifications.apprise_helper.work import url_to_dict
    from notifications.channels.apprise import _STATUS

    parts = url_to_dict("json://user:pass@example.com:81/in?cto=3")
    assert (parts["schema"], parts["host"], parts["port"], parts["cto"]) == ("json", "example.com", 81, "3")
    custom_json = importlib.import_module("apprise.plugins.custom_json")
    assert "error=%s." in inspect.getsource(custom_json) and _STATUS.findall("Failed: error=404.") == ["404"]


def test_the_wheels_hold_the_programs() -> None:
    from aiops.embedded import postgres, valkey

    assert (postgres.binaries() / "initdb").is_file() and valkey.binary().is_file()
