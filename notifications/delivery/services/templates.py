"""Verbs on a workspace's message templates: preview with a real incident, save."""

from __future__ import annotations

from datetime import datetime

from aiops.access.actors import Actor, Role
from aiops.access.models import Workspace
from aiops.audit.verbs import audited, changes, makes, removes
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from incidents.core.models import Incident
from notifications.channels import templating
from notifications.channels.contracts import Message
from notifications.choices import ChannelKind, Purpose
from notifications.delivery.models import Delivery, MessageTemplate
from notifications.delivery.services import rendering

# Purposes whose words a workspace may change. A code, a test and a notice are ours.
WORDED = (Purpose.PAGE, Purpose.ANNOUNCE, Purpose.ASSIGNED, Purpose.STAND_DOWN, Purpose.FALLBACK)
PREVIEWED = "If nobody acknowledges by 03:25 UTC: Bo is paged."


@audited("message_template.save")
def save_template(
    *, actor: Actor, workspace: Workspace, kind: ChannelKind, purpose: Purpose, subject: str, body: str
) -> MessageTemplate:
    """Keep the words of messages of *kind* for *purpose*. Raises :class:`InvalidInput` naming the line that can't be read."""
    _require_admin(actor, workspace.pk)
    if purpose not in WORDED:
        raise InvalidInput("purpose: these words can't be changed.", field="purpose")
    if not body.strip():
        raise InvalidInput("body: a message has to say something.", field="body")
    templating.check(subject, body)
    present = MessageTemplate.objects.filter(workspace=workspace, kind=kind, purpose=purpose).first()
    if present is not None:
        changes(present)
    template = present or MessageTemplate(workspace=workspace, kind=kind, purpose=purpose)
    template.subject, template.body = subject, body
    template.save()
    makes(template)
    return template


@audited("message_template.delete")
def delete_template(*, actor: Actor, template_id: int) -> None:
    """Have those messages say our own words again."""
    template = MessageTemplate.objects.visible_to(actor).filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    _require_admin(actor, template.workspace_id)
    removes(template)
    template.delete()


def preview(
    *, incident: Incident, kind: ChannelKind, purpose: Purpose, subject: str, body: str, now: datetime
) -> Message:
    """What *incident* would be told as. Raises :class:`InvalidInput` where it can't be; nothing is saved or sent."""
    templating.check(subject, body)
    sample = Delivery(
        pk=0,
        workspace_id=incident.workspace_id,
        incident=incident,
        episode=incident.episode,
        purpose=purpose,
        kind=kind,
        data={"level": "Level 1", "event": "resolve" if purpose == Purpose.STAND_DOWN else "trigger"},
        created_at=now,
        due_at=now,
    )
    template = MessageTemplate(
        workspace_id=incident.workspace_id, kind=kind, purpose=purpose, subject=subject, body=body
    )
    return rendering.message_of(sample, now, template=template, next_step=PREVIEWED, strict=True)


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("What messages say is changed by admins of the workspace.")
