"""What people define (policies, routes, schedules), read by pydantic; an error of pydantic's becomes a refusal of ours.

The types here are metadata for annotations, such as ``Annotated[int, Whole(0, 10)]``. A dataclass whose fields carry them is
read by a ``TypeAdapter`` and stays a plain value for the pure modules. What strangers send is read by ``incidents.sources``.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer, TypeAdapter
from pydantic import ValidationError as Invalid
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aiops.kernel.errors import InvalidInput

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)

# What was expected, by the type of pydantic's error; the types below say it themselves.
EXPECTED = {
    "missing": "a value",
    "bool_type": "true or false",
    "dataclass_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
    "too_short": "at least one",
    "too_long": "at most {max_length}",
    "expected": "{expected}",
}


def read(adapter: TypeAdapter[T], data: Any, whole: str = "") -> T:
    """*data* as the adapter's type. Raises :class:`InvalidInput` whose location is the first thing that is wrong.

    *whole* is the location of *data* itself, where it is no object at all.
    """
    try:
        return adapter.validate_python(data)
    except Invalid as error:
        raise _refusal(error, whole) from None


def _refusal(error: Invalid, whole: str) -> InvalidInput:
    """The first complaint of pydantic as our refusal."""
    first = error.errors(include_url=False, include_input=False)[0]
    location = tuple(part for part in first["loc"] if part != "[key]")  # of a mapping
    expected = EXPECTED.get(first["type"])
    said = f"expected {expected.format(**first.get('ctx', {}))}." if expected else f"{first['msg'].removesuffix('.')}."
    return InvalidInput.at(location or ((whole,) if whole else ()), said)


def expected(what: str) -> PydanticCustomError:
    """The error of a validator; *what* was expected, as a noun."""
    return PydanticCustomError("expected", "{expected}", {"expected": what})


def _saying(schema: CoreSchema, what: str) -> CoreSchema:
    """*schema*, all of whose errors say that *what* was expected."""
    return core_schema.custom_error_schema(
        schema, custom_error_type="expected", custom_error_message="{expected}", custom_error_context={"expected": what}
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from *least* to *most*."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return _saying(number, f"a whole number from {self.least} to {self.most}")


@dataclass(frozen=True, slots=True)
class Minutes(Whole):
    """A span of whole minutes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda minutes: timedelta(minutes=minutes),
            Whole.__get_pydantic_core_schema__(self, int, handler),
            serialization=core_schema.plain_serializer_function_ser_schema(in_minutes),
        )


@dataclass(frozen=True, slots=True)
class Text:
    """A text of *least* to *most* characters that PostgreSQL can hold; *strip*: without the blanks around it."""

    most: int
    least: int = 0
    strip: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(
            strict=True,
            strip_whitespace=self.strip,
            min_length=self.least,
            max_length=self.most,
            pattern=r"\A[^\x00]*\z",
        )
        length = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
        return _saying(text, f"a text of {length} characters without NUL")


@dataclass(frozen=True, slots=True)
class Checked:
    """A text of at most 4000 characters that *check* brings into its one form, or refuses with ``InvalidInput``."""

    check: Callable[[str], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = Text(4000).__get_pydantic_core_schema__(source, handler)
        return core_schema.no_info_after_validator_function(self._checked, text)

    def _checked(self, text: str) -> str:
        try:
            return self.check(text)
        except InvalidInput as refused:
            raise PydanticCustomError("refused", "{said}", {"said": refused.complaint}) from None


class _Key:
    """The id of a row."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _saying(core_schema.int_schema(strict=True, ge=1, le=2**63 - 1), "an id (a whole number)")


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A value that JSON names by one of these words."""

    values: Mapping[str, Hashable]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        names = {value: word for word, value in self.values.items()}
        return core_schema.no_info_after_validator_function(
            self.values.__getitem__,
            _saying(core_schema.literal_schema(list(self.values)), f"one of {', '.join(self.values)}"),
            serialization=core_schema.plain_serializer_function_ser_schema(names.__getitem__),
        )


def in_minutes(span: timedelta) -> int:
    """The whole minutes of a span."""
    return span // timedelta(minutes=1)


def unique(items: Iterable[H]) -> tuple[H, ...]:
    """The items in their order, each once."""
    return tuple(dict.fromkeys(items))


@cache
def zones() -> frozenset[str]:
    """The names of all IANA time zones. They are read from the disk once."""
    return frozenset(zoneinfo.available_timezones())


def _zone(name: Any) -> str:
    if isinstance(name, str) and name in zones():
        return name
    raise expected("an IANA name such as Europe/Berlin")


def _clock(text: Any) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except (TypeError, ValueError):
        raise expected("a time of day such as 09:00") from None


def _without_blanks(data: Any) -> Any:
    return {name: value for name, value in data.items() if value not in (None, "")} if isinstance(data, dict) else data


Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str), PlainSerializer("{:%H:%M}".format)]
ZoneName = Annotated[str, BeforeValidator(_zone)]
Weekday = Annotated[int, Whole(0, 6)]  # 0 is Monday
Key = Annotated[int, _Key()]
Line = Annotated[str, Text(4000)]
# An object in which null and "" say the same as a name that is left out.
Filled = Annotated[T, BeforeValidator(_without_blanks)]
# Nothing, or an empty object.
Maybe = Annotated[T | None, BeforeValidator(lambda data: data or None)]
