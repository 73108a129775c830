"""Paths of v1's paging resources."""

from __future__ import annotations

from django.urls import re_path

from aiops.api.paths import path_pair
from incidents.response.api.v1.views import NoSuchIncident
from notifications.escalation.api.v1 import paging, policies, routes

ONE = "api/v1/incidents/<incident:name>"

urlpatterns = [
    *path_pair(f"{ONE}/notifications", paging.Notifications.as_view(), "v1-notifications"),
    *path_pair(f"{ONE}/escalation", paging.Escalation.as_view(), "v1-escalation"),
    *path_pair(f"{ONE}/escalate", paging.Escalate.as_view(), "v1-escalate"),
    re_path(r"^api/v1/incidents/(?P<name>[^/]+)/(?:notifications|escalation|escalate)/?$", NoSuchIncident.as_view()),
    *path_pair("api/v1/escalationpolicies", policies.Policies.as_view(), "v1-escalation-policies"),
    *path_pair("api/v1/escalationpolicies/<str:name>", policies.OnePolicy.as_view(), "v1-escalation-policy"),
    *path_pair("api/v1/notificationpolicies", routes.Routes.as_view(), "v1-notification-policies"),
    *path_pair("api/v1/notificationpolicies/<str:name>", routes.OneRoute.as_view(), "v1-notification-policy"),
]
