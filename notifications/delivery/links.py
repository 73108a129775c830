"""Signed links: one action, for one person, by one message, on one episode of an incident. Valid for a day, and once.

The token in ``/respond/<token>`` holds all of that in base 36, readable, and is signed (HMAC-SHA256 under
``AIOPS_SECRET_KEY`` or one of its fallbacks). The service stores each use (``UsedLink``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core.signing import BadSignature, Signer
from django.utils.http import base36_to_int, int_to_base36

from aiops.kernel import site
from aiops.kernel.errors import DomainError
from notifications.channels.contracts import Answer
from notifications.delivery.verbs import ReplyVerb, by_letter, verb_of

LIFE = timedelta(hours=24)
LONGEST = 200  # characters of a token


class BadLink(DomainError):
    """The link can't be used, or not any more; the message says why and ``details`` what to do instead."""

    code = "bad_link"


class ForgedLink(BadLink):
    """Not one of ours, or changed on the way."""

    code = "forged_link"

    def __init__(self) -> None:
        super().__init__(
            "This link is not valid",
            details="It may have been cut off on the way. Open it from the message again, or answer in the console.",
        )


class ExpiredLink(BadLink):
    """Ours, but of yesterday."""

    code = "expired_link"


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says. *verb* is the word of a registered verb. *user_id* None: it went to a shared place, so that nobody knows
    who reads it."""

    verb: str
    delivery_id: int
    incident_id: int
    episode: int
    user_id: int | None
    expires_at: datetime

    @property
    def digest(self) -> str:
        """What the use of the link is recorded under: of what it says, not of how it was signed."""
        return hashlib.sha256(_payload(self).encode()).hexdigest()

    @property
    def token(self) -> str:
        """The part of the URL that says and signs it."""
        return _signer().sign(_payload(self))

    def check_age(self, now: datetime) -> None:
        """Raises :class:`ExpiredLink` when its day is over."""
        if now >= self.expires_at:
            raise ExpiredLink(
                "This link has expired", details="Links are good for a day. Answer in the console instead."
            )


def link(*, delivery_id: int, incident_id: int, episode: int, user_id: int | None, verb: str, now: datetime) -> str:
    """The absolute URL of the page that asks for, and then does, *verb* to the incident as the person *user_id*."""
    expires_at = now + LIFE
    token = Link(verb, delivery_id, incident_id, episode, user_id, expires_at).token
    return site.url(f"/respond/{token}")


def links_for(
    *,
    delivery_id: int,
    incident_id: int,
    episode: int,
    user_id: int | None,
    now: datetime,
    verbs: Iterable[ReplyVerb],
) -> tuple[Answer, ...]:
    """One answer per verb, for a message about a live incident."""

    def url(verb: ReplyVerb) -> str:
        return link(
            delivery_id=delivery_id,
            incident_id=incident_id,
            episode=episode,
            user_id=user_id,
            verb=verb.word,
            now=now,
        )

    return tuple(Answer(verb.word, verb.label, url(verb), verb.key) for verb in verbs)


def read(token: str) -> Link:
    """What *token* says, if it is ours; raises :class:`ForgedLink`. Whether it is still good is asked elsewhere."""
    try:
        if len(token) > LONGEST:
            raise ForgedLink
        letter, *numbers = _signer().unsign(token).split("-")
        delivery_id, incident_id, episode, user_id, minutes = (base36_to_int(number) for number in numbers)
        expires_at = datetime.fromtimestamp(minutes * 60, UTC)
        return Link(by_letter(letter).word, delivery_id, incident_id, episode, user_id or None, expires_at)
    except (BadSignature, KeyError, ValueError, OverflowError, OSError):
        raise ForgedLink from None


def _payload(said: Link) -> str:
    minutes = int(said.expires_at.timestamp() // 60)
    numbers = (said.delivery_id, said.incident_id, said.episode, said.user_id or 0, minutes)
    return "-".join([verb_of(said.verb).letter, *(int_to_base36(number) for number in numbers)])


def _signer() -> Signer:
    return Signer(salt="aiops.respond", sep=".")
