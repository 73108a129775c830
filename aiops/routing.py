"""Paths of the sockets."""

from __future__ import annotations

from django.urls import path

from incidents.console.consumer import ConsoleConsumer

websocket_urlpatterns = [path("ws/console", ConsoleConsumer.as_asgi())]
