"""Paths of the hooks and the signed links."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.replies.hooks import mail, pagerduty, respond, slack, telegram, twilio

urlpatterns = [
    *path_pair("respond/<str:token>", respond.respond, name="respond"),
    *path_pair("hooks/slack/<slug:key>", slack.slack, name="hook-slack"),
    *path_pair("hooks/email/<slug:key>", mail.mail_reply, name="hook-email"),
    *path_pair("hooks/email/<slug:key>/mime", mail.mail_reply, name="hook-email-mime"),
    *path_pair("hooks/pagerduty/<slug:key>", pagerduty.pagerduty, name="hook-pagerduty"),
    *path_pair("hooks/telegram/<slug:key>", telegram.telegram, name="hook-telegram"),
    *path_pair("hooks/<slug:kind>/<slug:key>", twilio.twilio, name="hook-twilio"),  # sms, voice
]
