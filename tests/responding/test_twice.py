"""A link that is pressed many times at once acts once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from incidents.models import TimelineEntry
from notifications.choices import ChannelKind
from notifications.delivery import links
from notifications.models import UsedLink
from tests.factories import NOW, make_incident, make_user
from tests.responding.conftest import Clock
from tests.responding.making import make_delivery, make_destination


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_pressed_many_times_at_once_acts_once(clock: Clock) -> None:
    incident = make_incident()
    ana = make_user("ana", incident.workspace)
    delivery = make_delivery(incident, make_destination(ChannelKind.EMAIL, "a@b.example", owner=ana), recipient=ana)
    url = links.link(delivery_id=delivery.pk, incident_id=incident.pk, episode=0, user_id=ana.pk, verb="note", now=NOW)
    path = "/respond/" + url.rpartition("/")[2]

    def press(_: int) -> int:
        try:
            return Client().post(path, {"argument": "on it"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(press, range(6)))
    assert answers == [200] * 6  # the others hear that it is there
    assert TimelineEntry.objects.filter(kind="note_added").count() == UsedLink.objects.count() == 1
