"""The request of a console page: somebody is signed in, and the middleware has worked out who it is."""

from __future__ import annotations

from django.http import HttpRequest

from aiops.access.actors import Actor
from aiops.access.models import User


class ActorRequest(HttpRequest):
    """A request behind ``console_view``. *actor* is who acts, for services; *user* is their account."""

    actor: Actor
    user: User
