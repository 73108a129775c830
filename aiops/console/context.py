"""What the frame around every page needs to know, worked out only when a template asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from aiops.access import devmode
from aiops.access.actors import Actor, Role
from aiops.access.models import User, Workspace
from aiops.access.people import ANONYMOUS
from aiops.console.theme import theme_of
from aiops.kernel.clock import utcnow
from incidents import counting
from incidents.console import kept
from notifications.services import proof

LATE = 3  # intervals without a proof
PROOF_AGE = 5  # seconds that what is known of the last proof may be old

# One behaviour each, in order: live updates remember what the server sent before the clock rewrites times.
SCRIPTS = tuple(
    f"js/{name}.js"
    for name in (
        "patch",
        "rows",
        "still",
        "pill",
        "refetch",
        "live",
        "times",
        "countdown",
        "proof",
        "messages",
        "selection",
        "drafts",
        "forms",
        "menus",
        "keys",
        "theme",
    )
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the top bar says of paging itself. *on*: whether it is proven at all; *late*: the last proof is missing or old."""

    on: bool
    at: datetime | None
    late: bool


class Shell:
    """The frame's view of a request: who is signed in, where, in which zone and theme, and the figures of the rail."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def now(self) -> datetime:
        return utcnow()

    @property
    def scripts(self) -> tuple[str, ...]:
        return SCRIPTS

    @property
    def theme(self) -> str:
        return theme_of(self._request)

    @cached_property
    def user(self) -> User | None:
        user = getattr(self._request, "user", None)
        return user if isinstance(user, User) else None

    @property
    def actor(self) -> Actor:
        return getattr(self._request, "actor", ANONYMOUS)

    @property
    def zone(self) -> str:
        """The name of the zone in which times are shown."""
        return self.user.time_zone if self.user else settings.TIME_ZONE

    @property
    def zone_now(self) -> datetime:
        """The current time there."""
        return timezone.localtime(self.now, ZoneInfo(self.zone))

    @property
    def operator(self) -> bool:
        """Whether the person may change anything anywhere."""
        return self.actor.highest_role >= Role.OPERATOR

    @cached_property
    def workspaces(self) -> list[str]:
        """The names of the workspaces in view, at most three of them."""
        rows = Workspace.objects.order_by("id")
        ids = self.actor.workspace_ids
        return list((rows if ids is None else rows.filter(pk__in=ids)).values_list("name", flat=True)[:3])

    @cached_property
    def kept(self) -> dict[str, str]:
        """What was typed before the session ended, by field; asked for once, then it is gone."""
        return kept.take(self._request.session)

    @cached_property
    def figures(self) -> counting.Figures:
        return counting.figures(self.actor, self.now)

    @cached_property
    def proof(self) -> Proof:
        """When a page was last proven to get through, for the top bar."""
        at = cache.get_or_set("console:proof", lambda: proof.latest() or "", PROOF_AGE) or None
        late = at is None or self.now - at >= LATE * timedelta(minutes=settings.AIOPS_PROOF_MINUTES)
        return Proof(bool(settings.AIOPS_PROOF_MINUTES), at, late)

    @property
    def version(self) -> str:
        return settings.VERSION

    @property
    def dev_mode(self) -> bool:
        """Whether the APIs are open to anything on this machine."""
        return devmode.dev_mode()


def shell(request: HttpRequest) -> dict[str, Shell]:
    """Context processor: ``shell`` in every template; costs nothing where it is not used."""
    return {"shell": Shell(request)}
