"""Domain errors: the refusals of services. Each dialect renders them in its own envelope, in one place."""

from __future__ import annotations

from typing import Any

Location = tuple[str | int, ...]


def path_of(location: Location) -> str:
    """A location as one text, such as ``steps[1].name``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:100]}" for part in location).removeprefix(".")


class DomainError(Exception):
    """Base of all refusals. *code* is stable and machine-readable, *message* is a sentence for people."""

    code = "error"

    def __init__(self, message: str, *, details: str = "", field: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.field = field
        self.data = data or {}

    @property
    def complaint(self) -> str:
        """The message without the path of the field."""
        return self.message.removeprefix(f"{self.field}: ")


class InvalidInput(DomainError):
    """The caller's data can't be used: *field* names it, the message says what was expected.

    *location* is the field in its parts: ("steps", 1, "name") where *field* is "steps[1].name".
    """

    code = "invalid_input"

    def __init__(self, message: str, *, field: str = "", location: Location = (), **more: Any) -> None:
        super().__init__(message, field=field or path_of(location), **more)
        self.location = location or ((field,) if field else ())

    @classmethod
    def at(cls, location: Location, complaint: str) -> InvalidInput:
        """A refusal whose message is the path of *location* and the *complaint*."""
        return cls(f"{path_of(location)}: {complaint}" if location else complaint, location=location)


class UnparsableBody(InvalidInput):
    """The body as a whole can't be understood (no JSON, wrong top-level type, unknown event)."""

    code = "unparsable_body"


class BodyTooLarge(InvalidInput):
    """More bytes than we read, as sent or inflated."""

    code = "body_too_large"


class UnsupportedEncoding(InvalidInput):
    """The body is compressed in a way that we do not read; the ``Accept-Encoding`` header names those that we do."""

    code = "unsupported_encoding"


class NotFound(DomainError):
    """There is no such thing, or the actor may not know of it."""

    code = "not_found"


class NotAuthenticated(DomainError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "not_authenticated"


class NotPermitted(DomainError):
    """The actor is known but its role or workspace does not allow this."""

    code = "not_permitted"


class Conflict(DomainError):
    """The thing is not in a state in which this makes sense."""

    code = "conflict"


class RateLimited(DomainError):
    """Too many requests; ``data['retry_after']`` is in whole seconds."""

    code = "rate_limited"


class Overloaded(DomainError):
    """We can't take this now (queue full, database away, stopping); safe to send again after ``data['retry_after']`` s."""

    code = "overloaded"
