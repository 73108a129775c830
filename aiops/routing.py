"""Paths of the WebSockets, and the fragments that the console's socket renders."""

from __future__ import annotations

from django.urls import path

from aiops.console.overview import overview_html
from incidents.response.console.consumer import ConsoleConsumer
from incidents.response.console.listing import board_html

FRAGMENTS = {"board": board_html, "overview": overview_html}

websocket_urlpatterns = [path("ws/console", ConsoleConsumer.as_asgi(fragments=FRAGMENTS))]

SOCKETS = frozenset({"/ws/console"})  # their paths; whatever else is asked for is refused before anybody asks who asks
