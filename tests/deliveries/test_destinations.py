"""What a destination is said to be is what it is now: its reason, its address, what went there and with what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from incidents.models import Incident
from notifications.choices import ChannelKind, DeliveryState, Rank
from notifications.delivery.services import destinations, moved_addresses, providers
from notifications.models import Delivery, Destination
from tests.deliveries.conftest import Page, make_destination, send
from tests.factories import NOW, make_incident, make_user
from tests.receivers import Answer, HttpReceiver, Receivers


class TestReason:
    def test_it_is_the_last_one_and_goes_when_a_message_arrives(
        self, hook: Destination, receiver: HttpReceiver, settings: Settings
    ) -> None:
        settings.AIOPS_OUTBOUND_ALLOW = []
        self.tried(hook)
        assert "AIOPS_OUTBOUND_ALLOW" in hook.broken_reason and hook.broken_at is not None
        settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
        for answer, reason in (
            (Answer(404, b"nobody"), "answered 404: nobody"),
            (Answer(500, b"oops"), "answered 500"),
        ):
            receiver.fail(answer)
            self.tried(hook)
            assert reason in hook.broken_reason and "AIOPS" not in hook.broken_reason
        self.tried(hook)
        assert (hook.broken_at, hook.broken_reason, hook.failures) == (None, "", 0)

    def tried(self, hook: Destination) -> None:
        destinations.send_test(actor=SYSTEM, destination_id=hook.pk, now=NOW)
        hook.refresh_from_db()


class TestMoved:
    @pytest.fixture
    def group(self, workspace: Workspace, receivers: Receivers) -> Destination:
        account = {"token": receivers.telegram.token, "base_url": receivers.telegram.url}
        providers.save_provider(
            actor=SYSTEM, workspace=workspace, kind=ChannelKind.TELEGRAM, name="bot", settings=account
        )
        return make_destination(kind=ChannelKind.TELEGRAM, address="-42", workspace=workspace)

    def test_a_page_follows_the_group_and_the_next_one_knows(
        self, group: Destination, page: Page, incident: Incident, receivers: Receivers
    ) -> None:
        receivers.telegram.moved["-42"] = "-1001234567890"
        for number in range(2):
            page(incident, group, round=number)
            send(NOW + timedelta(minutes=2 * number))
        group.refresh_from_db()
        assert (group.address, group.label, group.broken_at) == ("-1001234567890", "-1001234567890", None)
        assert [request.json["chat_id"] for request in receivers.telegram.requests] == ["-42", *["-1001234567890"] * 2]
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}

    def test_where_the_new_number_is_known_already_the_old_one_stays_and_is_followed(
        self, group: Destination, workspace: Workspace
    ) -> None:
        make_destination(kind=ChannelKind.TELEGRAM, address="-100777", workspace=workspace)
        moved_addresses.moved(group.pk, "-100777")
        group.refresh_from_db()
        assert group.address == "-42"

    def test_telegram_says_so_itself(self, group: Destination, client: Client) -> None:
        provider = group.workspace.providers.get() if group.workspace else None
        assert provider is not None
        update = {
            "update_id": 7,
            "message": {"chat": {"id": -42, "type": "group"}, "migrate_to_chat_id": -1001234567890},
        }
        response = client.post(f"/hooks/telegram/{provider.hook_key}", update, content_type="application/json")
        group.refresh_from_db()
        assert response.status_code == 200 and group.address == "-1001234567890"


def test_what_went_in_a_digest_shows_the_digest_and_each_row_says_so(
    teams: Destination, workspace: Workspace, page: Page, client: Client
) -> None:
    client.force_login(make_user("ana", workspace))
    incidents = [make_incident(workspace, title=f"Host {number} is down") for number in range(4)]
    for incident in incidents:
        page(incident, teams, rank=Rank.DIGEST)
    send()
    rows = list(Delivery.objects.order_by("pk"))
    for row in rows:
        shown = client.get(f"/console/deliveries/{row.public_id}").content.decode()
        assert "4 incidents:" in shown and "one digest of 4" in shown
        assert all(incident.title in shown for incident in incidents)
    assert client.get("/console/deliveries").content.decode().count("in a digest") == 4
