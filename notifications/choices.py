"""Enumerations of paging, each value with its label: channels, delivery states, purposes, run states, targets."""

from __future__ import annotations

from django.db import models


class ChannelKind(models.TextChoices):
    """A kind of outlet (adapters: ``channels/``)."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    MATTERMOST = "mattermost", "Mattermost"
    DISCORD = "discord", "Discord"
    TELEGRAM = "telegram", "Telegram"
    PAGERDUTY = "pagerduty", "PagerDuty"
    OPSGENIE = "opsgenie", "Opsgenie"
    WEBHOOK = "webhook", "Signed webhook"
    SMS = "sms", "SMS"
    VOICE = "voice", "Voice call"
    WEBPUSH = "webpush", "Web push"
    APPRISE = "apprise", "Apprise"
    LOG = "log", "Log"


SCOPE = "paging"  # of the dedup keys of what paging raises about itself
MACHINES = frozenset({ChannelKind.LOG, ChannelKind.WEBHOOK})  # nobody is told by these alone


class DeliveryState(models.TextChoices):
    """How far one intended message has come."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED_TEMPORARY = "failed_temporary", "Failed, will be tried again"
    FAILED_PERMANENT = "failed_permanent", "Failed"
    SUPPRESSED = "suppressed", "Not sent"


WAITING = (DeliveryState.PENDING, DeliveryState.FAILED_TEMPORARY)
ON_ITS_WAY = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED_TEMPORARY)
NOTIFIED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)


class Purpose(models.TextChoices):
    """Why a message is sent."""

    PAGE = "page", "Page"  # somebody has to act: a step of an escalation
    ANNOUNCE = "announce", "Announcement"  # a route told a shared destination
    ASSIGNED = "assigned", "Assignment"  # it is theirs now
    STAND_DOWN = "stand_down", "Stand down"  # to everybody who was told: it is over
    FALLBACK = "fallback", "Fallback"  # a policy ran out of people
    OWNER_NOTICE = (
        "owner_notice",
        "Notice to an owner",
    )  # a destination of yours fails; a shift is yours; a swap is asked for
    VERIFY = "verify", "Verification"  # the code that proves an address
    TEST = "test", "Test"


ASKING = (
    Purpose.PAGE,
    Purpose.FALLBACK,
    Purpose.ANNOUNCE,
    Purpose.ASSIGNED,
)  # these ask for an answer; others have none to give


class Urgency(models.TextChoices):
    """Whether it may wait until the morning."""

    HIGH = "high", "High"
    LOW = "low", "Low"


class Rank(models.IntegerChoices):
    """What goes first when much is due: a first page overtakes everything, digests come last."""

    FIRST_PAGE = 0, "First page"
    PAGE = 1, "Page"
    ANNOUNCEMENT = 2, "Announcement or stand-down"
    DIGEST = 3, "Digest"


class RunState(models.TextChoices):
    """Where the escalation of one episode of an incident stands."""

    ACTIVE = "active", "Escalating"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    PAUSED = "paused", "Paused"  # snoozed or suppressed
    EXHAUSTED = "exhausted", "Exhausted"  # no step is left; the fallback was told
    STOPPED = "stopped", "Stopped by a rule"  # of the policy, or since no policy is in force
    ENDED = "ended", "Ended"  # the incident has ended


class WakeReason(models.TextChoices):
    """Why a run's ``next_step_at`` is what it is."""

    OPENED = "opened", "Opened"
    STEP = "step", "Next step"
    REPEAT = "repeat", "Same step again"
    EXHAUST = "exhaust", "Nobody left to tell"
    LEASE = "lease", "The acknowledgement expires"
    SEVERITY_RAISED = "severity_raised", "Severity raised"
    PRIORITY_RAISED = "priority_raised", "Priority raised"
    ESCALATED = "escalated", "Escalated by hand"
    RESUMED = "resumed", "Resumed"
    UNREACHED = "unreached", "Nobody of the step could be reached"


class TargetKind(models.TextChoices):
    """Whom a step tells."""

    USER = "user", "Person"
    TEAM = "team", "Team"
    SCHEDULE = "schedule", "Who is on call"
    CHANNEL = "channel", "Shared destination"
    ADMINS = "admins", "The workspace's admins"  # its id is the workspace's


class RotationUnit(models.TextChoices):
    HOUR = "hour", "hours"
    DAY = "day", "days"
    WEEK = "week", "weeks"
    MONTH = "month", "months"


class SwapState(models.TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    CANCELLED = "cancelled", "Cancelled"


# Why a policy has run out.
NO_STEP = "no step of the policy applies"
UNREACHED = "nobody could be reached"
UNANSWERED = "everybody was told and nobody answered"
NO_POLICY = "no escalation policy is in force"
