"""The template sandbox: fills templates of strangers with Jinja2, so that none runs long or grows large. Pure.

A message needs look-ups, choices and lists; the sandbox has those. It refuses assignments, macros, calls and arithmetic
on text when a template is read. Loops and filters have a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache, lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from aiops.kernel.errors import InvalidInput

LONGEST_SOURCE = 20_000  # characters of a template
LONGEST_TEXT = 20_000  # characters of what comes out, and of what is joined on the way
DEEPEST = 2  # loops in each other
NESTED = 50  # pieces of a template in each other: Python's own compiler takes seconds for a few hundred
WIDEST = 200  # pieces that are put together by ~ and +
BUDGET = 20_000  # nodes that may be gone through in loops
CHAIN, FILTERS_IN_ALL = 5, 100  # filters that work on each other's result, and in a template
WORK = 500_000  # characters and items that filters may be given in one message

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

_left: ContextVar[list[int]] = ContextVar("nodes that loops may still go through, and work that filters may still do")


def fill(source: str, values: Mapping[str, Any], limit: int = LONGEST_TEXT) -> str:
    """*source* with *values*, at most *limit* characters. Raises :class:`InvalidInput` naming the line that can't be filled."""
    template = _read(source)
    _left.set([BUDGET, WORK])
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
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


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
    filters = {name: FILTERS[name] for name in WORDS} | {"at": _at, "join": _join}
    made.filters = {name: _measured(filter_) for name, filter_ in filters.items()} | {"_bounded": _bounded}
    return made


def _read(source: str) -> Template:
    found = _compiled(source)
    if isinstance(found, str):
        raise InvalidInput(found, field="body")
    return found


@lru_cache(maxsize=500)
def _compiled(source: str) -> Template | str:
    """The template, or what is wrong with it: a stored one that is refused is not read anew for each message."""
    if len(source) > LONGEST_SOURCE:
        return f"A template has at most {LONGEST_SOURCE} characters."
    try:
        tree = _environment().parse(source)
        _judge(tree)
        return _environment().from_string(tree)
    except TemplateSyntaxError as error:
        return f"Line {error.lineno}: {error.message}"
    except (RecursionError, SyntaxError, MemoryError):  # from Python's own compiler
        return "The template is too deeply nested."


def _judge(tree: nodes.Template) -> None:
    """Refuse what no message needs, and give each loop its price."""
    width = filters = 0
    for node in tree.find_all(nodes.Node):
        filters += isinstance(node, nodes.Filter)
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
    if filters > FILTERS_IN_ALL:
        _refuse(f"at most {FILTERS_IN_ALL} filters are used in a template", tree)
    _nesting(tree, 0, 0)
    _price(tree, 0)


def _nesting(node: nodes.Node, depth: int, chain: int) -> None:
    """Refuse what lies more than so many pieces, or so many filters, deep."""
    chain = chain + isinstance(node, nodes.Filter) if isinstance(node, nodes.Expr | nodes.Helper) else 0
    if chain > CHAIN:
        _refuse(f"at most {CHAIN} filters work on each other's result", node)
    if depth > NESTED:
        _refuse("it is too deeply nested", node)
    for child in node.iter_child_nodes():
        _nesting(child, depth + 1, chain)


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


def _measured(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """*filter_*, given at most ``LONGEST_TEXT`` characters or items, and giving no more; what it is given is work."""

    @wraps(filter_)  # it keeps the marks by which Jinja2 knows what else to pass in
    def measured(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(_cut, args)), {name: _cut(value) for name, value in kwargs.items()}
        left = _left.get()
        left[1] -= sum(map(_size, (*args, *kwargs.values())))
        if left[1] < 0:
            raise SecurityError("the filters of this template take too long.")
        made = filter_(*args, **kwargs)
        if _size(made) > LONGEST_TEXT:
            raise SecurityError(f"at most {LONGEST_TEXT} characters may come out of a filter.")
        return made

    return measured


def _cut(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str | list | tuple) else value


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | Mapping) else 1


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
