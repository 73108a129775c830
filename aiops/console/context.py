"""Template context of the frame around every console page, computed only when a template uses it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from aiops import probes
from aiops.access import devmode
from aiops.access.actors import Actor, Role
from aiops.access.models import User, Workspace
from aiops.access.people import ANONYMOUS
from aiops.console.theme import theme_of
from aiops.kernel.clock import utcnow
from aiops.web import kept_input as kept
from incidents.core import counting
from notifications.watch.selectors.standing import Standing

# One behaviour each, in order: live updates remember what the server sent before the clock rewrites times.
SCRIPTS = tuple(
    f"js/{name}.js"
    for name in (
        "patch",
        "lists",
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
    def standing(self) -> Standing:
        """How paging stands, for the top bar."""
        return probes.paging()

    @property
    def trouble(self) -> str:
        """What is wrong with the platform itself, in words; "" when nobody needs to know."""
        return self.standing.words(self.now) if not self.standing.ok else probes.disk()

    @property
    def is_proven(self) -> bool:
        """Whether test pages are sent at all."""
        return bool(settings.AIOPS_PROOF_MINUTES)

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
