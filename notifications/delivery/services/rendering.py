"""Rendering: a delivery becomes a message, from the incident as it is now, the workspace's templates or ours, and
signed links.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from django.conf import settings

from aiops.kernel import site
from aiops.kernel.errors import InvalidInput
from incidents.choices import LIVE, Priority, Severity, Status
from incidents.core.models import Incident
from incidents.ingest.sources.reading import link
from notifications.channels import CHANNELS, sandbox, templating
from notifications.channels.contracts import IncidentFacts, Message, Outlet, PermanentFailure
from notifications.channels.smtp import settings_of_url
from notifications.channels.templating import BUILT_IN, DIGEST, Words
from notifications.channels.text import block, line
from notifications.choices import ASKING, ChannelKind, Purpose, Urgency
from notifications.delivery import links, tokens, verbs
from notifications.delivery.models import Delivery, Destination, MessageTemplate, Provider

log = logging.getLogger(__name__)

NAMED = 20  # incidents of a digest that are named; the rest is counted


def facts_of(incident: Incident) -> IncidentFacts:
    """What a message may say of *incident*."""
    resource = incident.pod or incident.deployment or f"{incident.resource_kind} {incident.resource_name}".strip()
    labelled = link(incident.labels.get("runbook_url"), "Runbook")  # a label may say anything, also javascript:
    runbooks = [one["href"] for one in incident.links if str(one.get("text", "")).lower() == "runbook"]
    return IncidentFacts(
        id=incident.public_id,
        name=incident.name,
        title=incident.title,
        severity=Severity(incident.severity).word,
        priority=Priority(incident.priority).label,
        status=Status(incident.status).label.lower(),
        service=incident.service_name or incident.service.name,
        created_at=incident.created_at,
        url=site.url(f"/console/incidents/{incident.public_id}"),
        description=incident.description,
        where=" · ".join(filter(None, [incident.namespace, resource])),
        source=incident.source_name,
        occurrences=incident.occurrences,
        runbook_url=runbooks[0] if runbooks else labelled["href"] if labelled else "",
        links=tuple((str(one.get("text", "")), str(one.get("href", ""))) for one in incident.links),
        labels=incident.labels,
        acknowledged_by=incident.acknowledged_by,
        resolved_by=incident.resolved_by,
        resolution=incident.resolution,
    )


def message_of(
    delivery: Delivery,
    now: datetime,
    *,
    others: Sequence[Incident] = (),
    count: int = 1,
    covers: int | None = None,
    over: bool = False,
    next_step: str = "",
    template: MessageTemplate | None = None,
    previous_ref: str = "",
    previous_many: bool = False,
    strict: bool = False,
) -> Message:
    """The message of *delivery*, which has its incident loaded. A digest tells of *others* too; *count* is how many it is about,
    *covers* how many of them an answer takes (None: as the purpose says), and *over* whether it only tells of ends.

    A workspace's template that can't be filled gives way to ours: a page with plain words is better than none. When it is only
    being tried (*strict*), it raises ``InvalidInput``.
    """
    incident = facts_of(delivery.incident) if delivery.incident is not None else None
    named = tuple(facts_of(other) for other in others[: NAMED - 1])
    event = str(delivery.data.get("event", "trigger"))
    if covers is None:
        covers = int(incident is not None and delivery.purpose in ASKING)
    about = {"incident": incident, "incidents": [incident, *named] if incident else list(named)}
    age = templating.age_in_words(incident.created_at, now) if incident else ""
    rest = {"count": count, "over": over, "event": event, "next_step": next_step, "age": age}
    values = {**_given(delivery), **about, **rest}
    words = DIGEST if count > 1 else BUILT_IN[Purpose(delivery.purpose)]
    subject, text, short, spoken = _filled(words, values)
    if template is not None and count == 1:
        subject, text = _own_words(template, values, (subject, text), strict)
    return Message(
        delivery_id=delivery.public_id,
        purpose=Purpose(delivery.purpose),
        urgency=Urgency(delivery.urgency),
        subject=subject,
        text=text,
        short=short,
        spoken=spoken,
        sent_at=now,
        html=_html(line(subject), block(text)),
        created_at=delivery.created_at,
        incident=incident,
        others=named,
        answers=_answers(delivery, now) if count == 1 and (covers or event == "acknowledge") else (),
        covers=covers,
        event=event,
        dedup_key=f"aiops-{incident.id}-{delivery.episode}" if incident else "",
        previous_ref=previous_ref,
        previous_many=previous_many,
        reply_code=delivery.reply_code if covers else None,
        reply_token=tokens.make(delivery.pk) if covers and delivery.kind == ChannelKind.EMAIL else "",
        next_step=next_step,
        attempt=delivery.attempts,
        maybe_twice=delivery.maybe_twice,
        data=delivery.data,
    )


def outlet_of(delivery: Delivery) -> Outlet:
    """Where *delivery* goes, secrets in clear. Raises ``PermanentFailure`` when an account is needed and there is none."""
    destination = delivery.destination
    if destination is None:
        raise PermanentFailure("The destination was removed.")
    kind = ChannelKind(delivery.kind)
    provider = provider_for(destination, delivery.workspace_id)
    own = dict(provider.settings) if provider is not None else {}
    if kind == ChannelKind.EMAIL and not own and settings.AIOPS_SMTP_URL:
        own = settings_of_url(settings.AIOPS_SMTP_URL)
    if CHANNELS[kind].needs_provider and not own:
        raise PermanentFailure(f"No account is set up for {kind.label} in this workspace.", address=False)
    return Outlet(
        kind=kind,
        address=destination.address,
        label=destination.label,
        settings=own,
        secret=destination.secret,
        hook_url=site.url(f"/hooks/{kind}/{provider.hook_key}") if provider and settings.AIOPS_PUBLIC_URL else "",
    )


def provider_for(destination: Destination, workspace_id: int) -> Provider | None:
    """The account that a destination is sent through: its own, else the workspace's default one of its kind."""
    if destination.provider is not None and destination.provider.workspace_id == workspace_id:
        return destination.provider
    if not CHANNELS[ChannelKind(destination.kind)].settings:
        return None
    return Provider.objects.filter(workspace_id=workspace_id, kind=destination.kind, is_default=True).first()


def _given(delivery: Delivery) -> dict[str, Any]:
    """What a delivery says itself, and "" for what its words may ask for."""
    names = ("level", "who", "text", "subject", "url", "code", "reason")
    return {**dict.fromkeys(names, ""), **delivery.data}


def _filled(words: Words, values: dict[str, Any]) -> tuple[str, str, str, str]:
    subject = templating.one_line(sandbox.fill(words.subject, values, templating.LONGEST_SUBJECT))
    short = templating.one_line(sandbox.fill(words.short, values, templating.LONGEST_SHORT))
    spoken = templating.one_line(sandbox.fill(words.spoken, values, templating.LONGEST_SPOKEN))
    return subject, sandbox.fill(words.body, values), short, spoken


def _own_words(
    template: MessageTemplate, values: dict[str, Any], ours: tuple[str, str], strict: bool
) -> tuple[str, str]:
    name, subject = "subject", ours[0]
    try:
        if template.subject:
            subject = templating.one_line(sandbox.fill(template.subject, values, templating.LONGEST_SUBJECT))
        name = "body"
        return subject, sandbox.fill(template.body, values)
    except InvalidInput as error:
        if strict:
            raise InvalidInput(f"{name}: {error.message}", field=name) from None
        log.warning("template %s can't be filled, ours is used: %s: %s", template.pk, name, error.message)
        return ours


def _answers(delivery: Delivery, now: datetime) -> tuple[Any, ...]:
    """What may be answered now."""
    incident = delivery.incident
    if incident is None or incident.status not in LIVE:
        return ()
    offered = [verb for verb in verbs.registered() if verb.is_possible(incident) and verb.is_offered(incident)]
    return links.links_for(
        delivery_id=delivery.pk,
        incident_id=incident.pk,
        episode=delivery.episode,
        user_id=delivery.recipient_id,
        now=now,
        verbs=offered,
    )


def _html(subject: str, text: str) -> str:
    """The plain text as a simple page; channels that want more build it themselves."""
    body = "<br>\n".join(escape(each) for each in text.splitlines())
    return f"<p><strong>{escape(subject)}</strong></p>\n<p>{body}</p>"
