"""Statements that run with every alert and every page: put together once per process, bound by the server.

Django writes the SQL of a query anew each time, which is most of the work of a small one. Here it writes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, TypeVar

import orjson
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, ForeignObject, Lookup, Model, QuerySet, Value
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)


def prepared_cursor() -> psycopg.Cursor:
    """A cursor on this thread's connection, which has to be open, past Django's, which binds in the client. Execute with
    ``prepare=True``: planning a statement of ingest anew would cost more than running it.

    Errors are psycopg's own unless ``connection.wrap_database_errors`` is entered around it.
    """
    return psycopg.Cursor(connection.connection)


@contextmanager
def _run(statement: str, parameters: Sequence[Any], *, keep_plan: bool) -> Iterator[psycopg.Cursor]:
    """A cursor that has run *statement*; it counts among Django's queries."""
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
    """A query of *build*, which is called once; run it with the values of its places. Rows are models as the query says, with
    what it selects along, or tuples where it is a ``values_list``.

    It is planned for each run: a plan that was kept while a table was small would scan the large one, until the next ANALYZE.

    Not for querysets with ``prefetch_related``, ``annotate``, ``only`` or ``defer``.
    """

    def __init__(self, build: Callable[[], QuerySet[M, Any]]) -> None:
        self._build = build
        self._made: _Made | None = None

    def __call__(self, **values: object) -> list[Any]:
        """The rows. Raises ``django.db.Error``."""
        if self._made is None:
            self._made = _Made(self._build())
        return self._made.rows(values)


class _Made:
    """The SQL of a query, and how its rows become objects."""

    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        self._compiler = compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._places = compiler.as_sql()
        self._converters = compiler.get_converters([column for column, _, _ in compiler.select])
        self._is_tuples = queryset._fields is not None  # type: ignore[attr-defined]
        if self._is_tuples:
            return
        info = compiler.klass_info
        self._model: type[Model] = info["model"]
        fields = info["select_fields"]
        self._begin, self._end = fields[0], fields[-1] + 1
        self._names = [column.target.attname for column, _, _ in compiler.select[self._begin : self._end]]
        self._related = get_related_populators(info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]

    def rows(self, values: Mapping[str, object]) -> list[Any]:
        parameters = [values[place.name] if isinstance(place, Given) else place for place in self._places]
        with _run(self._sql, parameters, keep_plan=False) as cursor:
            found: Iterable[Sequence[Any]] = cursor.fetchall()
        if self._converters:
            found = map(tuple, self._compiler.apply_converters(found, self._converters))
        return list(found) if self._is_tuples else [self._object(row) for row in found]

    def _object(self, row: Sequence[Any]) -> Model:
        made = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._begin : self._end])
        for populator in self._related:
            populator.populate(row, made)
        return made


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> None:
    """Write new *rows* of one model in one statement, as they stand: like ``bulk_create``, but they get no keys, nor what
    ``auto_now`` would say. Raises ``django.db.Error``.
    """
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(model)
    told = [{field.column: getattr(row, field.attname) for field in columns} for row in rows]
    with _run(_insert(model, ignore_conflicts), [orjson.dumps(told).decode()], keep_plan=True):
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
