"""Mail replies: does the command at the beginning of a mail for all incidents of the page, or adds the mail as a note.

The person gets the result by mail, so that nobody believes wrongly that an incident is theirs.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import transaction

from aiops.access.models import User
from aiops.kernel.errors import NotPermitted
from notifications.choices import ChannelKind, Purpose, Rank, Urgency
from notifications.delivery import tokens
from notifications.delivery.intents import Intent
from notifications.delivery.models import Delivery
from notifications.delivery.services import deliveries
from notifications.delivery.verbs import Verb
from notifications.replies import machines, quoting
from notifications.replies.commands import Command, read
from notifications.replies.mail import Mail
from notifications.replies.services import senders, text_commands
from notifications.replies.services.responding import NOTHING, first_time
from notifications.replies.services.text_commands import Reply, sentence

LIFE = timedelta(days=7)  # how long a message may be answered
NOTICES, WITHIN = 5, timedelta(hours=1)  # so many words about answers to one message: machines may answer each other
FORGED = (
    "A mail that says that it is from you did not pass its domain's own check (SPF, DKIM, DMARC). If it was yours, answer by a "
    "link or in the console, and tell whoever runs your mail."
)
SEALED = "The mail is encrypted, or wrapped in its signature, so that it can't be read. Answer in plain text."
MACHINE = (
    "It reads like an automatic answer, and those are nobody's. If you wrote it yourself, begin with “note”, or with “ack” to "
    "take it."
)
EMPTY = "There is nothing in the mail that can be read. Answer with a word such as “ack”."


def answer(*, mail: Mail, workspace_id: int, now: datetime) -> tuple[bool, str]:
    """Do what *mail* says as the person who sent it. Returns whether it was done, and the sentences that say so or why not.

    Who sent it is told the same by mail, unless a machine or a stranger did.
    """
    delivery = _delivery(mail.token, workspace_id)
    if delivery is None or mail.automatic:
        return False, "No person wrote this." if mail.automatic else "This answers no message of ours."
    try:
        user = _sender(delivery, mail.sender)
    except NotPermitted as refused:
        return False, sentence(refused)  # not told by mail: whoever it is would hear what is none of theirs
    with transaction.atomic():
        if mail.message_id and not first_time(_digest(delivery, mail), "mail", now):
            return True, "This mail was seen before."
        reply = _reply(delivery, user, mail, now)
        _tell(delivery, reply, now)
    return reply.done, reply.text


def _reply(delivery: Delivery, user: User, mail: Mail, now: datetime) -> Reply:
    if mail.forged:
        return Reply([NOTHING, FORGED])
    if delivery.incident is None:
        return Reply([NOTHING, "The message was about no incident."])
    if now - delivery.created_at > LIFE:
        return Reply([NOTHING, "The message is older than a week. Answer in the console instead."])
    if not mail.text:
        return Reply([NOTHING, SEALED if mail.sealed else EMPTY])
    said = _said(mail.text)
    if said is None:
        if machines.reads_like_one(mail.text):
            return Reply([NOTHING, MACHINE])
        said = (Command(Verb.NOTE, text=quoting.without_banner(mail.text)),)
    return text_commands.carry_out(
        user=user, workspace_id=delivery.workspace_id, said=said, now=now, via="mail", to=delivery
    )


def _said(text: str) -> tuple[Command, ...] | None:
    """The commands of a mail; None for a text that is none, and thus a note."""
    said = read(quoting.beginning(text))
    first = said[0]
    if first.verb is not None or first.named or (first.other and not first.text and "\n" not in text.strip()):
        return said
    return None


def _delivery(token: str, workspace_id: int) -> Delivery | None:
    pk = tokens.read(token) if token else None
    found = Delivery.objects.filter(pk=pk or 0, workspace_id=workspace_id, kind=ChannelKind.EMAIL)
    return found.select_related("incident__service", "incident__workspace", "recipient", "destination").first()


def _sender(delivery: Delivery, address: str) -> User:
    """Who wrote: the person whose page it is, from an address of theirs; for a shared mailbox, the member with that address."""
    recipient = delivery.recipient
    if recipient is None:
        user = senders.by_email(address, delivery.workspace_id)
    else:
        own = {recipient.email.lower(), delivery.destination.address.lower() if delivery.destination else ""} - {""}
        user = recipient if address in own else None
    if user is None:
        raise NotPermitted("The answer must come from the address that the message went to")
    return user


def _digest(delivery: Delivery, mail: Mail) -> str:
    return hashlib.sha256(f"mail:{delivery.pk}:{mail.message_id}".encode("utf-8", "replace")).hexdigest()


def _tell(delivery: Delivery, reply: Reply, now: datetime) -> None:
    """Tell whoever answered what came of it, where the message went."""
    destination = delivery.destination
    if destination is None:
        return
    said = {"answers": delivery.public_id}
    before = Delivery.objects.filter(
        destination=destination, purpose=Purpose.OWNER_NOTICE, data__contains=said, created_at__gt=now - WITHIN
    )
    if before.count() >= NOTICES:
        return
    about = delivery.incident.name if delivery.incident else "the incident"
    subject = f"Your answer about {about}{'' if reply.changed else ' did nothing'}"
    deliveries.intend(
        [
            Intent(
                workspace_id=delivery.workspace_id,
                purpose=Purpose.OWNER_NOTICE,
                destination_id=destination.pk,
                recipient_id=delivery.recipient_id,
                kind=ChannelKind.EMAIL,
                urgency=Urgency.HIGH,
                rank=Rank.ANNOUNCEMENT,
                due_at=now,
                data={"subject": subject, "text": "\n".join(reply.lines), "url": "", **said},
            )
        ],
        now,
    )
