"""Pure: fills templates that others wrote, in Jinja2's sandbox, so that by construction none runs long or grows large.

A message needs to look things up, to choose, and to go through lists: that is what there is. Assignments, macros, calls and
arithmetic on text, by which a line can fill the memory, are refused when a template is read; loops have a budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from aiops.kernel.errors import InvalidInput

LONGEST_SOURCE = 20_000  # characters of a template
LONGEST_TEXT = 20_000  # characters of what comes out, and of what is joined on the way
DEEPEST = 2  # loops in each other
WIDEST = 200  # pieces that are put together by ~ and +
BUDGET = 20_000  # nodes that may be gone through in loops

PLAIN = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.CondExpr,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Concat, nodes.List,
    nodes.Tuple, nodes.Keyword, nodes.Call,
)  # fmt: skip
LOOKING = (nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Call)  # what a loop may go over
CALLS = frozenset(("get", "items", "keys", "values"))  # of labels and the like
WORDS = (
    "capitalize", "count", "d", "default", "dictsort", "first", "items", "last", "length", "lower", "sort", "title",
    "trim", "truncate", "upper", "urlencode",
)  # fmt: skip

_left: ContextVar[list[int]] = ContextVar("nodes that loops may still go through")


def fill(source: str, values: Mapping[str, Any], limit: int = LONGEST_TEXT) -> str:
    """*source* with *values*, at most *limit* characters. Raises :class:`InvalidInput` naming the line that can't be filled."""
    template = _read(source)
    _left.set([BUDGET])
    parts, size = [], 0
    try:
        for part in template.generate(values):
            parts.append(part)
            size += len(part)
            if size > limit + LONGEST_TEXT:
                break
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"Line {_line_of(error)}: {error}", field="body") from None
    text = "".join(parts).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def check(source: str, field: str) -> None:
    """Raises :class:`InvalidInput` naming *field* and the line that can't be read."""
    try:
        _read(source)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error.message}", field=field) from None


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    made.globals.clear()
    made.filters = {name: FILTERS[name] for name in WORDS} | {"at": _at, "join": _join, "_bounded": _bounded}
    return made


@lru_cache(maxsize=500)
def _read(source: str) -> Template:
    if len(source) > LONGEST_SOURCE:
        raise InvalidInput(f"A template has at most {LONGEST_SOURCE} characters.", field="body")
    try:
        tree = _environment().parse(source)
        _judge(tree)
        return _environment().from_string(tree)
    except TemplateSyntaxError as error:
        raise InvalidInput(f"Line {error.lineno}: {error.message}", field="body") from None
    except (RecursionError, SyntaxError, MemoryError):  # from Python's own compiler
        raise InvalidInput("The template is too deeply nested.", field="body") from None


def _judge(tree: nodes.Template) -> None:
    """Refuse what no message needs, and give each loop its price."""
    width = 0
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Concat | nodes.Add):
            width += len(getattr(node, "nodes", "ab"))
        if isinstance(node, nodes.Filter) and node.name not in _environment().filters:
            _refuse(f"there is no filter {node.name}", node)
        if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in CALLS):
            _refuse("nothing can be called here", node)
        if not isinstance(node, PLAIN):
            _refuse(f"{type(node).__name__.lower()} is not for messages", node)
    if width > WIDEST:
        _refuse(f"at most {WIDEST} pieces are put together", tree)
    _price(tree, 0)


def _price(node: nodes.Node, depth: int) -> None:
    for child in node.iter_child_nodes():
        _price(child, depth + isinstance(node, nodes.For))
    if isinstance(node, nodes.For):
        if depth >= DEEPEST or node.recursive:
            _refuse(f"at most {DEEPEST} loops in each other", node)
        if not all(isinstance(each, LOOKING) for each in (node.iter, *node.iter.find_all(nodes.Node))):
            _refuse("a loop goes over something that is there already", node)
        price = nodes.Const(1 + sum(1 for _ in node.find_all(nodes.Node)), lineno=node.lineno)
        node.iter = nodes.Filter(node.iter, "_bounded", [price], [], None, None, lineno=node.lineno)


def _refuse(why: str, node: nodes.Node) -> None:
    raise TemplateSyntaxError(f"{why}.", node.lineno)


def _bounded(value: Iterable[Any], price: int) -> Iterator[Any]:
    """The items of *value*, as many as the budget allows at *price* each."""
    if isinstance(value, str):
        raise TemplateRuntimeError("a loop goes over a list, not over text.")
    left = _left.get()
    for item in value:
        left[0] -= price
        if left[0] < 0:
            raise SecurityError("the loops of this template take too long.")
        yield item


def _join(value: Iterable[Any], separator: str = "") -> str:
    parts = [str(item) for item in ([value] if isinstance(value, str) else value)]
    if sum(map(len, parts)) + len(separator) * len(parts) > LONGEST_TEXT:
        raise SecurityError(f"at most {LONGEST_TEXT} characters are joined.")
    return separator.join(parts)


def _at(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _line_of(error: BaseException) -> int:
    """The line of the template where *error* came up: Jinja2 puts it into the traceback."""
    line, frame = 1, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
