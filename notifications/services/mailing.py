"""Answers by mail: a reply to a page does what its first line says, or is a note."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from aiops.access.models import User
from aiops.kernel.errors import DomainError, NotFound, NotPermitted
from incidents.models import Incident
from notifications.choices import ChannelKind, Purpose, Rank, Urgency
from notifications.intents import Intent
from notifications.models import Delivery
from notifications.responding import tokens
from notifications.responding.commands import duration_and_rest, parse
from notifications.responding.links import ExpiredLink
from notifications.responding.mail import Mail
from notifications.responding.verbs import Verb
from notifications.services import deliveries, people
from notifications.services.answering import sentence
from notifications.services.responding import Answered, StaleLink, respond

LIFE = timedelta(days=7)  # how long a message may be answered


def answer(*, mail: Mail, workspace_id: int, now: datetime) -> tuple[bool, str]:
    """Do what *mail* says as the person who sent it. Returns whether it was done, and the sentence that says so or why not.

    Whoever meant to answer and was not heard is told by mail: they believe that it is theirs now.
    """
    delivery = _delivery(mail.token, workspace_id)
    if delivery is None or mail.automatic:
        return False, "No person wrote this." if mail.automatic else "This answers no message of ours."
    try:
        user = _sender(delivery, mail.sender)
    except NotPermitted as refused:
        return False, sentence(refused)  # not told by mail: whoever it is would hear what is none of theirs
    with transaction.atomic():
        try:
            answered = _do(delivery, user, mail.text, now)
        except DomainError as refused:
            done, said = False, sentence(refused)
        else:
            done, said = answered.done, answered.said
        if not done:
            _tell(delivery, said, now)
    return done, said


def _do(delivery: Delivery, user: User, text: str, now: datetime) -> Answered:
    incident = _incident(delivery, now)
    first, _, rest = text.partition("\n")
    command = parse(first)
    verb = command.verb or Verb.NOTE
    argument = f"{command.text}\n{rest}".strip() if command.verb else text
    if verb == Verb.SNOOZE and not duration_and_rest(command.text)[0]:
        argument = command.text  # what stands below is no duration either
    return respond(user=user, incident_id=incident.pk, verb=verb, now=now, argument=argument, via="mail")


def _incident(delivery: Delivery, now: datetime) -> Incident:
    incident = delivery.incident
    if incident is None:
        raise NotFound("The message was about no incident")
    if now - delivery.created_at > LIFE:
        raise ExpiredLink("The message is older than a week", details="Answer in the console instead.")
    if incident.episode != delivery.episode:
        raise StaleLink(
            f"{incident.name} was reopened after this message", details="Answer the message that you got since."
        )
    return incident


def _delivery(token: str, workspace_id: int) -> Delivery | None:
    pk = tokens.read(token) if token else None
    found = Delivery.objects.filter(pk=pk or 0, workspace_id=workspace_id, kind=ChannelKind.EMAIL)
    return found.select_related("incident__service", "incident__workspace", "recipient", "destination").first()


def _sender(delivery: Delivery, address: str) -> User:
    """Who wrote: the person whose page it is, from an address of theirs; for a shared mailbox, the member with that address."""
    recipient = delivery.recipient
    if recipient is None:
        user = people.by_email(address, delivery.workspace_id)
    else:
        own = {recipient.email.lower(), delivery.destination.address.lower() if delivery.destination else ""} - {""}
        user = recipient if address in own else None
    if user is None:
        raise NotPermitted("The answer must come from the address that the message went to")
    return user


def _tell(delivery: Delivery, said: str, now: datetime) -> None:
    """Tell the sender that the answer did nothing."""
    if delivery.destination is None or delivery.recipient is None:
        return
    name = delivery.incident.name if delivery.incident else "the incident"
    deliveries.intend(
        [
            Intent(
                workspace_id=delivery.workspace_id,
                purpose=Purpose.OWNER_NOTICE,
                destination_id=delivery.destination.pk,
                recipient_id=delivery.recipient.pk,
                kind=ChannelKind.EMAIL,
                urgency=Urgency.HIGH,
                rank=Rank.TOLD,
                due_at=now,
                data={"subject": f"Your answer about {name} did nothing", "text": said, "url": ""},
            )
        ],
        now,
    )
