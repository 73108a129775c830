"""Compressed request bodies: inflated up to a bound, or refused by the name of their encoding. Pure."""

from __future__ import annotations

import zlib

from aiops.kernel.errors import BodyTooLarge, UnparsableBody, UnsupportedEncoding

TAKEN = "gzip, deflate, identity"  # what the Accept-Encoding of a refusal offers
LAYERS = 3  # encodings around one another
MEMBERS = 100  # compressed streams behind one another, as gzip allows
RATIO = 200  # bytes that one compressed byte may become; alerts reach 50, a bomb 1000
ALWAYS_TAKEN = 256 * 1024  # inflated bytes for which nobody asks the ratio

# Names that say nothing about compression: charsets and transfer encodings of mail, which senders put into the wrong header.
_NOTHING = frozenset(("", "identity", "none", "utf-8", "utf8", "us-ascii", "binary", "8bit", "7bit"))
GZIP = b"\x1f\x8b"  # how gzip begins, and no JSON and no form
_AUTOMATIC, _RAW = 47, -15  # zlib's window bits: with a header of gzip or zlib; without any
_WINDOWS = {"gzip": (_AUTOMATIC,), "x-gzip": (_AUTOMATIC,), "deflate": (_AUTOMATIC, _RAW)}


def inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """*body* without what its ``Content-Encoding`` header, *encoding*, says; never more than *limit* bytes of it.

    A body that says it is compressed but is plain JSON is taken as it is: some proxy inflated it and left the header. One that
    is gzip and does not say so is inflated: some proxy left the header out.
    Raises :class:`UnsupportedEncoding`, :class:`BodyTooLarge` and ``UnparsableBody``.
    """
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name not in _NOTHING]
    if not names and body.startswith(GZIP):
        names = ["gzip"]
    if not names or not body:
        return body
    for name in names:
        if name not in _WINDOWS:
            if _is_plain_json(body):
                return body
            raise UnsupportedEncoding(
                f"The Content-Encoding {name[:40]!r} is not read here; send the body as {TAKEN}.",
                field="Content-Encoding",
            )
    if len(names) > LAYERS:
        raise UnsupportedEncoding(f"Content-Encoding names more than {LAYERS} encodings.", field="Content-Encoding")
    most = min(limit, max(ALWAYS_TAKEN, RATIO * len(body)))
    for name in reversed(names):
        body = _without(name, body, most)
    return body


def _without(name: str, body: bytes, most: int) -> bytes:
    for window in _WINDOWS[name]:
        try:
            return _inflate(body, window, most)
        except zlib.error:
            continue
    if body.lstrip()[:1] in (b"{", b"["):
        return body
    raise UnparsableBody(f"The body is not valid {name}.", field="Content-Encoding")


def _is_plain_json(body: bytes) -> bool:
    """Whether *body* looks like JSON; what is compressed does, by accident, hardly ever begin so and is no UTF-8."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _inflate(body: bytes, window: int, most: int) -> bytes:
    """All streams of *body*. Stops at the first byte beyond *most*; raises ``zlib.error`` for what is cut off or damaged."""
    parts: list[bytes] = []
    room = most
    for _ in range(MEMBERS):
        stream = zlib.decompressobj(window)
        parts.append(stream.decompress(body, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise BodyTooLarge(f"The inflated body is larger than {most} bytes.")
        if not stream.eof:
            raise zlib.error("it ends too early")
        body = stream.unused_data.lstrip(b"\0")  # files may be padded
        if not body:
            return b"".join(parts)
    raise zlib.error("too many streams")
