"""The entry of every provider's hook: ``/hooks/<kind>/<key>``, POST only. The key names the account, and every refusal
is rendered.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from aiops.api.errors import BodyTooLarge, as_domain_error, status_of
from aiops.kernel import secrets
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, NotFound
from notifications.choices import ChannelKind
from notifications.delivery.models import Provider

log = logging.getLogger(__name__)

OWN_STATUS = {"bad_signature": HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class Call:
    """What a provider posted, and the account that it speaks of."""

    request: HttpRequest
    provider: Provider
    settings: Mapping[str, Any]
    body: bytes
    now: datetime

    @property
    def workspace_id(self) -> int:
        """The account's workspace."""
        return self.provider.workspace_id

    def header(self, name: str) -> str:
        """A header's value, "" when it is absent."""
        return self.request.headers.get(name, "")

    def form(self) -> QueryDict:
        """The body as a URL-encoded form."""
        return QueryDict(self.body, encoding="utf-8")


Handle = Callable[[Call], HttpResponse]
LONGEST = 256 * 1024  # bytes of a post; real ones hold a few thousand


def hook(*kinds: ChannelKind, longest: int = LONGEST) -> Callable[[Handle], Callable[..., HttpResponse]]:
    """Make a view of a function that handles the posts of providers of *kinds*, of *longest* bytes at most; the path gives
    ``key`` (and ``kind``)."""

    def decorate(handle: Handle) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_POST
        @functools.wraps(handle)
        def view(request: HttpRequest, key: str, kind: str = "") -> HttpResponse:
            now = utcnow()
            try:
                _check_length(request, longest)
                provider = _account(kinds, kind, key)
                return handle(Call(request, provider, provider.settings, request.body, now))
            except Exception as error:
                refused = as_domain_error(error)
                if refused is None:
                    raise
                return refusal(refused)

        return view

    return decorate


def refusal(refused: DomainError) -> HttpResponse:
    """What a provider (or whoever set it up) reads when its post is not taken."""
    response = JsonResponse({"detail": refused.message}, status=status_of(refused, OWN_STATUS))
    if "retry_after" in refused.data:
        response["Retry-After"] = str(refused.data["retry_after"])
    return response


def plain(text: str, limit: int = 20_000) -> str:
    """*text* without what PostgreSQL can't keep, cut to *limit* characters."""
    return text[:limit].replace("\0", "").encode("utf-8", "replace").decode()


def _check_length(request: HttpRequest, longest: int) -> None:
    """Raises ``BodyTooLarge`` before anything of a long body is parsed, or even read where it says its length."""
    said = request.headers.get("Content-Length", "")
    if said.isascii() and said.isdecimal() and (len(said) > 12 or int(said) > longest):
        raise BodyTooLarge(f"Expected at most {longest} bytes")
    if not said and len(request.body) > longest:
        raise BodyTooLarge(f"Expected at most {longest} bytes")


def _account(kinds: tuple[ChannelKind, ...], kind: str, key: str) -> Provider:
    wanted = [one for one in kinds if not kind or str(one) == kind]
    provider = Provider.objects.filter(kind__in=wanted, hook_digest__in=secrets.digests(key)).first()
    if provider is None:
        raise NotFound("There is no account with this address")
    return provider
