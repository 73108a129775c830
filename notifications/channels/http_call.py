"""HTTP calls to providers: classifies an answer, or none, for the delivery. Reasons never contain an address or a
secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import httpx

from aiops.kernel.addresses import BlockedAddress
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import Checked
from notifications.channels.contracts import PermanentFailure, TemporaryFailure
from notifications.channels.text import line

LONGEST_WAIT = 3600.0  # seconds that a provider may make us wait
LARGEST = 64 * 1024  # bytes of an answer that are read; nobody needs more to know how it went
PAGE, PARSED = 120, 8192  # characters of a web page that are quoted, and that are read for it
SECRET = 10  # characters from which on a part of a URL may be one
LATER = frozenset((408, 425, 429))
GONE = frozenset((404, 410))
ACCOUNT = frozenset((401, 402, 403, 407))
_PRIVATE = re.compile(r"[A-Za-z]+://\S+|\S+@\S+|\+\d{6,}|(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{16,}")

Explain = Callable[[httpx.Response], str]
Answered = TypeVar("Answered")


def call(
    http: httpx.Client,
    method: str,
    url: str,
    *,
    who: str,
    secret_address: bool = False,
    explain: Explain | None = None,
    **request: Any,
) -> httpx.Response:
    """The answer, if it is a 2xx; else the failure that it stands for. *who* names the provider in reasons.

    *secret_address*: the address itself is the credential, so that 401 and 403 are the address's fault and not the account's.
    *explain* reads the provider's own words from an answer. *request* is what ``httpx.Client.stream`` takes.
    """
    try:
        with http.stream(method, url, follow_redirects=False, **request) as response:
            answer = _read(response)
    except BlockedAddress as error:
        raise PermanentFailure(f"{who}: {error.message}") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TemporaryFailure(f"{who} cannot be reached ({type(error).__name__}).") from error
    except httpx.UnsupportedProtocol as error:
        raise PermanentFailure(f"{who}: the address is no http(s) URL.") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        # The request was on its way: whether it was taken, nobody knows.
        raise TemporaryFailure(f"{who} gave no answer ({type(error).__name__}).", unknown=True) from error
    except httpx.InvalidURL as error:
        raise PermanentFailure(f"{who}: the address is no valid URL.") from error
    if not 200 <= answer.status_code < 300:
        words = (explain or _first_words)(answer) or _first_words(answer)
        raise _failure(answer, who, scrub(_redact(words, url, request)), secret_address)
    return answer


def rich_or_plain(rich: Callable[[], Answered], plain: Callable[[], Answered]) -> Answered:
    """What *rich* gives; where the provider refuses its form, what *plain* gives. A page in plain words is better than none."""
    try:
        return rich()
    except PermanentFailure as error:
        if not error.form:
            raise
    return plain()


def refuses(error: PermanentFailure, words: Collection[str]) -> PermanentFailure:
    """*error*, as one about the form if the provider's words hold one of *words* (in lower case, with blanks for "_")."""
    said = error.reason.lower().replace("_", " ")
    return PermanentFailure(error.reason, address=error.address, form=any(word in said for word in words))


def _read(response: httpx.Response) -> httpx.Response:
    """*response* with as much of its body as anybody needs. That it ends in time is the client's care."""
    body = b""
    for part in response.iter_bytes():
        body += part
        if len(body) >= LARGEST:
            break
    headers = [
        (name, value) for name, value in response.headers.items() if name not in ("content-encoding", "content-length")
    ]
    return httpx.Response(response.status_code, headers=headers, content=body[:LARGEST])


class _Shown(HTMLParser):
    """What a reader of a page sees first: its title, else the first text of its body."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = self.text = ""
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("title", "script", "style"):
            self._inside = [tag]

    def handle_endtag(self, tag: str) -> None:
        self._inside = [] if self._inside == [tag] else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == ["title"]:
            self.title += data
        elif not self._inside and len(self.text) < PAGE:
            self.text += f" {data}"


def _first_words(answer: httpx.Response) -> str:
    """What an answer says: of a page, that it is one, and its first text instead of its markup."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    text = answer.text
    if "html" not in kind and text.lstrip()[:1] != "<":
        return text
    page = _Shown()
    page.feed(text[:PARSED])
    shown = " ".join((page.title or page.text).split())[:PAGE]
    return f"{kind or 'text/html'}{f', “{shown}”' if shown else ''}"


def _failure(answer: httpx.Response, who: str, words: str, secret_address: bool) -> TemporaryFailure | PermanentFailure:
    status = answer.status_code
    reason = f"{who} answered {status}{f': {words}' if words else ''}"
    if status in LATER or status >= 500:
        return TemporaryFailure(reason, retry_after=retry_after(answer.headers))
    if status in ACCOUNT:
        return PermanentFailure(reason, address=secret_address)
    # 400, 413, 422: what we said is at fault.
    return PermanentFailure(reason, address=status in GONE or 300 <= status < 400)


def _redact(words: str, url: str, request: Mapping[str, Any]) -> str:
    """A provider's words without what we showed it to get in: parts of the URL, a token, a password."""
    parts = urlsplit(url)
    shown = re.split(r"[/?&=:]", f"{parts.path}?{parts.query}")
    shown.append(str(request.get("headers", {}).get("Authorization", "")).rpartition(" ")[2])
    shown += request.get("auth") or ()
    for secret in sorted((each for each in shown if len(each) >= SECRET), key=len, reverse=True):
        words = words.replace(secret, "…")
    return words


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks to wait (a number or an HTTP date), at most an hour; None when it does not say."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value).astimezone(UTC) - utcnow()).total_seconds()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


def scrub(words: str) -> str:
    """A provider's words, short, on one line, without addresses, phone numbers or anything that may be a key."""
    return _PRIVATE.sub("…", line(words[:2000]))[:200]


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty when it is something else."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def check_url(text: str) -> str:
    """An http(s) URL without user, password, fragment or blanks. Raises ``InvalidInput`` with the field ``address``.

    Whether the host may be called at all (no private networks) is decided when it is called, by what its name means then.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise InvalidInput("address: not a valid URL.", field="address") from error
    if parts.scheme.lower() not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise InvalidInput("address: expected a URL such as https://example.com/…", field="address")
    if parts.username or parts.password:
        raise InvalidInput("address: a URL with a user or password in it is not taken.", field="address")
    if len(url) > 2000:
        raise InvalidInput("address: at most 2000 characters.", field="address")
    return parts._replace(scheme=parts.scheme.lower(), fragment="").geturl()


Url = Annotated[str, Checked(check_url)]
