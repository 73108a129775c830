"""Statements that run with every alert and every page: put together once per process, bound by the server.

Django writes the SQL of a query anew each time, which is most of the work of a small one. Here it writes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, NoReturn, TypeVar

import orjson
import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, ForeignObject, Lookup, Model, QuerySet, Value

M = TypeVar("M", bound=Model)


def prepared_cursor() -> psycopg.Cursor:
    """A cursor on this thread's connection, which has to be open, past Django's, which binds in the client. Execute with
    ``prepare=True``: planning a statement of ingest anew would cost more than running it.

    Errors are psycopg's own unless ``connection.wrap_database_errors`` is entered around it.
    """
    return psycopg.Cursor(connection.connection)


@contextmanager
def run(statement: str, parameters: Sequence[Any], *, keep_plan: bool) -> Iterator[psycopg.Cursor]:
    """A cursor that has run *statement*, bound by the server; it counts among Django's queries. *keep_plan*: planned once."""
    connection.ensure_connection()
    with connection.wrap_database_errors, prepared_cursor() as cursor:
        cursor.execute(statement, parameters, prepare=keep_plan)
        if connection.queries_logged:
            connection.queries_log.append({"sql": statement, "time": "0"})
        yield cursor


class Given(Value):
    """The place in a query where a value comes in when it runs: ``filter(due_at__lte=Given("now"))``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


@ForeignObject.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """One of a list that is a single parameter: ``filter(pk__any_of=Given("ids"))``. ``IN`` has as many as the list is long."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.cast_db_type(connection)
        return f"{column} = ANY(%s::{kind}[])", [*parameters, self.rhs]


class CompiledQuery(Generic[M]):
    """A query of *build*, whose SQL is written once; run it with the values of its places. Rows are models with the related rows
    of the paths *along*, or tuples of the fields *values*.

    It is planned for each run: a plan that was kept while a table was small would scan the large one, until the next ANALYZE.
    *lock* is put behind it where Django's ``select_for_update`` cannot say it. Not for querysets that say themselves what is
    selected (``select_related``, ``values_list``, ``annotate``, ``only``, ``defer``), nor with ``prefetch_related``.
    """

    def __init__(
        self, build: Callable[[], QuerySet[M]], *, along: Sequence[str] = (), values: Sequence[str] = (), lock: str = ""
    ) -> None:
        self._build, self._along, self._values, self._lock = build, along, values, lock
        self._made: _Made | None = None

    def __call__(self, **values: object) -> list[Any]:
        """The rows. Raises ``django.db.Error``."""
        if self._made is None:
            self._made = _Made(self._build(), self._along, self._values, self._lock)
        return self._made.rows(values)


@dataclass(frozen=True, slots=True)
class _Part:
    """The *columns* of a row that make one model: the query's own, or a related one at *name* of the part *holder*."""

    model: type[Model]
    names: list[str]  # the attributes that the columns fill
    columns: slice
    key: int  # the column of the primary key
    path: str = ""  # to it, as a query says it
    name: str = ""
    holder: int = -1

    @property
    def paths(self) -> list[str]:
        """The columns, as a query names them."""
        return [f"{self.path}__{name}" if self.path else name for name in self.names]


def _part(model: type[Model], begin: int, path: str = "", holder: int = -1) -> _Part:
    fields = model._meta.concrete_fields
    key = begin + next(place for place, field in enumerate(fields) if field.primary_key)
    names = [field.attname for field in fields]
    return _Part(model, names, slice(begin, begin + len(names)), key, path, path.rpartition("__")[2], holder)


def _parts(model: type[Model], along: Sequence[str]) -> list[_Part]:
    """The query's own model and those of the paths *along*, each after the one that it hangs on."""
    parts, places = [_part(model, 0)], {"": 0}
    for whole in along:
        path = ""
        for name in whole.split("__"):
            holder, path = places[path], f"{path}__{name}" if path else name
            if path not in places:
                places[path] = len(parts)
                parts.append(_part(_related(parts[holder].model, name), parts[-1].columns.stop, path, holder))
    return parts


def _related(model: type[Model], name: str) -> type[Model]:
    related = model._meta.get_field(name).related_model
    assert isinstance(related, type)
    return related


def _field(model: type[Model], path: str) -> Any:
    """The field that *path* ends at."""
    *before, last = path.split("__")
    for name in before:
        model = _related(model, name)
    if last == "pk":
        return model._meta.pk
    return next(field for field in model._meta.concrete_fields if last in (field.name, field.attname))


class _Made:
    """The SQL of a query, and how its rows become objects."""

    def __init__(self, queryset: QuerySet[Any], along: Sequence[str], values: Sequence[str], lock: str) -> None:
        self._parts: list[_Part] = [] if values else _parts(queryset.model, along)
        paths = list(values) or [path for part in self._parts for path in part.paths]
        self._sql, self._places = _sql_of(queryset.values_list(*paths))
        self._sql += f" {lock}" if lock else ""
        fields = [_field(queryset.model, path) for path in paths]
        self._converters = [
            (place, field.from_db_value) for place, field in enumerate(fields) if hasattr(field, "from_db_value")
        ]

    def rows(self, values: Mapping[str, object]) -> list[Any]:
        parameters = [values[place.name] if isinstance(place, Given) else place for place in self._places]
        with run(self._sql, parameters, keep_plan=False) as cursor:
            found: list[Any] = cursor.fetchall()
        if self._converters:
            found = [self._converted(row) for row in found]
        return [self._object(row) for row in found] if self._parts else found

    def _converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        told = list(row)
        for place, convert in self._converters:
            told[place] = convert(told[place], None, connection)
        return tuple(told)

    def _object(self, row: Sequence[Any]) -> Any:
        made: list[Any] = []
        for part in self._parts:
            one = None
            if row[part.key] is not None:
                one = part.model.from_db(DEFAULT_DB_ALIAS, part.names, row[part.columns])
            if part.name and made[part.holder] is not None:
                setattr(made[part.holder], part.name, one)
            made.append(one)
        return made[0]


class _Written(Exception):
    """Django has written the statement: the exception's arguments are the SQL and its parameters."""


def _sql_of(queryset: QuerySet[Any, Any]) -> tuple[str, Sequence[Any]]:
    """What Django would run for *queryset*, which is not run."""

    def take(execute: object, sql: str, parameters: Sequence[Any], many: bool, context: object) -> NoReturn:
        raise _Written(sql, parameters)

    with connection.execute_wrapper(take):
        try:
            list(queryset)
        except _Written as written:
            sql, parameters = written.args
            return sql, parameters
    raise EmptyResultSet  # Django knows without asking that there is nothing


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> None:
    """Write new *rows* of one model in one statement, as they stand: like ``bulk_create``, but they get no keys, nor what
    ``auto_now`` would say. Raises ``django.db.Error``.
    """
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(model)
    told = [{field.column: getattr(row, field.attname) for field in columns} for row in rows]
    with run(_insert(model, ignore_conflicts), [orjson.dumps(told).decode()], keep_plan=True):
        pass


@cache
def _columns(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _insert(model: type[Model], ignore_conflicts: bool) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in _columns(model))
    typed = ", ".join(f"{quote(field.column)} {field.db_type(connection)}" for field in _columns(model))
    ending = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) "  # noqa: S608 - names of a model
        f"SELECT {names} FROM jsonb_to_recordset(%s::jsonb) AS r({typed}){ending}"
    )
