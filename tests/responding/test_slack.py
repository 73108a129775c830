"""Answers from Slack: buttons and the slash command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import Membership, User, Workspace
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.choices import ChannelKind
from notifications.models import Delivery, Provider
from tests.factories import actor, make_incident, make_user, make_workspace
from tests.responding.conftest import LATER, Clock
from tests.responding.making import make_delivery, make_destination, make_provider
from tests.responding.signing import SLACK_SECRET, click, slack

pytestmark = pytest.mark.usefixtures("clock")


class Receiver:
    """A Slack that notes what it is told and knows profiles."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.profiles: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.told.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"ok")

            def do_GET(self) -> None:
                email = receiver.profiles.get(self.path.rpartition("=")[2], "")
                self._answer(orjson.dumps({"ok": True, "user": {"profile": {"email": email}}}))

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def posted(incident: Incident) -> Delivery:
    """A message in a shared channel."""
    return make_delivery(incident, make_destination(ChannelKind.SLACK, "#noc", workspace=incident.workspace))


@pytest.fixture
def path(slack_account: Provider) -> str:
    return f"/hooks/slack/{slack_account.hook_key}"


@pytest.fixture
def slacker(ana: User) -> User:
    make_destination(ChannelKind.SLACK, "U1", owner=ana)
    return ana


def status(incident: Incident) -> str:
    incident.refresh_from_db()
    return incident.status


def test_a_click_acts_as_whoever_clicked_and_tells_them(
    client: Client, path: str, posted: Delivery, slacker: User, receiver: Receiver
) -> None:
    form = click("aiops:acknowledge", posted.public_id, response_url=receiver.url)
    assert slack(client, path, form, LATER).content == b""
    assert status(posted.incident) == "acknowledged"
    assert posted.incident.acknowledged_by == "ana"
    assert receiver.told == [
        {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": f"{posted.incident.name} acknowledged. You have it: nobody else is called.",
        }
    ]
    bo = make_user("bo", posted.workspace)
    make_destination(ChannelKind.SLACK, "U2", owner=bo)
    slack(client, path, click("aiops:acknowledge", posted.public_id, "U2", response_url=receiver.url), LATER)
    assert receiver.told[-1]["text"] == f"Nothing was done. {posted.incident.name}: ana acknowledged it just now."
    slack(client, path, click("aiops:resolve", posted.public_id, "U2", response_url=receiver.url), LATER)
    assert status(posted.incident) == "resolved"


def test_a_button_of_a_digest_takes_all_that_it_told_of(
    client: Client, path: str, posted: Delivery, slacker: User, receiver: Receiver
) -> None:
    others = [make_incident(posted.workspace) for _ in range(2)]
    for other in others:
        make_delivery(other, posted.destination, digest=posted)
    slack(client, path, click("aiops:acknowledge", posted.public_id, response_url=receiver.url), LATER)
    assert receiver.told[-1]["text"].startswith("Acknowledged 3: ")
    assert [status(each) for each in (posted.incident, *others)] == ["acknowledged"] * 3


def test_snooze_escalate_note_and_links(
    client: Client, path: str, posted: Delivery, slacker: User, receiver: Receiver
) -> None:
    slack(client, path, click("aiops:snooze", posted.public_id, response_url=receiver.url), LATER)
    posted.incident.refresh_from_db()
    assert posted.incident.snoozed_until == LATER + timedelta(hours=1)
    slack(client, path, click("aiops:escalate", posted.public_id, response_url=receiver.url), LATER)
    posted.incident.refresh_from_db()
    assert posted.incident.escalated_at == LATER
    slack(client, path, click("aiops:note", posted.public_id, response_url=receiver.url), LATER)
    assert f"/aiops note {posted.incident.name}" in receiver.told[-1]["text"]
    count = len(receiver.told)
    for action in ("aiops:open", "someone-elses"):
        assert slack(client, path, click(action, "x", response_url=receiver.url), LATER).status_code == 200
    assert len(receiver.told) == count


def test_a_person_is_known_by_the_address_of_their_profile(
    client: Client, workspace: Workspace, posted: Delivery, ana: User, receiver: Receiver
) -> None:
    settings = {"signing_secret": SLACK_SECRET, "token": "xoxb-1", "base_url": receiver.url}
    path = f"/hooks/slack/{make_provider(workspace, ChannelKind.SLACK, **settings).hook_key}"
    receiver.profiles = {"U7": "ANA@example.com", "U8": "stranger@example.com"}
    slack(client, path, click("aiops:acknowledge", posted.public_id, "U8", response_url=receiver.url), LATER)
    assert status(posted.incident) == "open" and "I do not know you" in receiver.told[-1]["text"]
    slack(client, path, click("aiops:acknowledge", posted.public_id, "U7", response_url=receiver.url), LATER)
    assert posted.incident.acknowledged_by == "" and status(posted.incident) == "acknowledged"


def test_who_has_no_role_is_told_so(
    client: Client, path: str, posted: Delivery, slacker: User, receiver: Receiver
) -> None:
    Membership.objects.filter(user=slacker).delete()
    slack(client, path, click("aiops:acknowledge", posted.public_id, response_url=receiver.url), LATER)
    assert status(posted.incident) == "open" and "You may not answer" in receiver.told[-1]["text"]


def test_what_is_unsigned_old_or_repeated_is_refused(
    client: Client, path: str, posted: Delivery, slacker: User, clock: Clock
) -> None:
    form = click("aiops:acknowledge", posted.public_id)
    for response in (
        slack(client, path, form, LATER, secret="wrong"),
        slack(client, path, form, LATER - timedelta(seconds=301)),
        slack(client, path, form, LATER + timedelta(seconds=301)),
        slack(client, path, form, LATER, **{"X-Slack-Signature": ""}),
        slack(client, path, form, LATER, **{"X-Slack-Request-Timestamp": "٣٣"}),
        client.post(path, form),
    ):
        assert response.status_code == 403
    assert status(posted.incident) == "open"
    assert slack(client, path, form, LATER).status_code == 200
    incidents.unacknowledge(actor=actor(posted.workspace), incident_id=posted.incident_id, now=LATER)
    assert slack(client, path, form, LATER).status_code == 403  # replayed within the five minutes
    assert status(posted.incident) == "open"
    assert client.get(path).status_code == 405
    assert slack(client, "/hooks/slack/nobodys", form, LATER).status_code == 404


def test_an_account_without_a_secret_believes_nobody(client: Client, workspace: Workspace) -> None:
    path = f"/hooks/slack/{make_provider(workspace, ChannelKind.SLACK).hook_key}"
    assert slack(client, path, click("aiops:acknowledge", "dlv-00000001"), LATER, secret="").status_code == 403


def test_a_message_of_another_workspace_or_episode_is_not_reached(
    client: Client, path: str, posted: Delivery, slacker: User, receiver: Receiver
) -> None:
    elsewhere = make_incident(make_workspace())
    theirs = make_delivery(elsewhere, make_destination(ChannelKind.SLACK, "#x", workspace=elsewhere.workspace))
    for value in (theirs.public_id, "dlv-zz", "", "dlv-0fffffff", "1; DROP"):
        slack(client, path, click("aiops:acknowledge", value, response_url=receiver.url), LATER)
        assert receiver.told[-1]["text"] == "Nothing was done. There is no such message."
    assert status(elsewhere) == "open"
    for verb in (incidents.resolve, incidents.reopen):
        verb(actor=actor(posted.workspace), incident_id=posted.incident_id, now=LATER)
    slack(client, path, click("aiops:resolve", posted.public_id, response_url=receiver.url), LATER)
    assert status(posted.incident) == "open" and "was reopened" in receiver.told[-1]["text"]


def command(client: Client, path: str, text: str, member: str = "U1") -> str:
    answer = slack(client, path, {"command": "/aiops", "text": text, "user_id": member}, LATER).json()
    assert answer["response_type"] == "ephemeral"
    return answer["text"]


def test_commands(client: Client, path: str, incident: Incident, slacker: User) -> None:
    assert "ack" in command(client, path, "") and "ack" in command(client, path, "help")
    assert command(client, path, "list") == f"{incident.name} medium: {incident.title} (Default service, 5 minutes)"
    assert command(client, path, "oncall") == "Default service: nobody"
    assert "is no command" in command(client, path, "make it stop")
    assert command(client, path, f"ack {incident.name.lower()} on it").startswith(f"{incident.name} acknowledged.")
    incident.refresh_from_db()
    assert incident.acknowledge_message == "on it"
    assert command(client, path, f"snooze {incident.name} 90m").startswith(
        f"{incident.name} snoozed for 1 hour 30 minutes."
    )
    assert command(client, path, f"note {incident.public_id} it is <b>DNS</b>").startswith(
        f"{incident.name} has your note."
    )
    assert "There is no INC-20200101-001" in command(client, path, "resolve INC-20200101-001")
    assert "Say for how long" in command(client, path, f"snooze {incident.name} until later")
    assert "I do not know you" in command(client, path, "list", member="U9")
    assert command(client, path, f"resolve {incident.name} it was DNS").startswith(f"{incident.name} resolved.")
    incident.refresh_from_db()
    assert incident.resolution == "it was DNS"


def test_titles_cannot_mention_or_link(client: Client, path: str, workspace: Workspace, slacker: User) -> None:
    make_incident(workspace, title="<!channel> & <https://evil.example|click>")
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in command(client, path, "list")


@pytest.mark.parametrize(
    "form",
    [
        {"payload": "no json"},
        {"payload": "[]"},
        {"payload": "{}"},
        {"payload": '{"type": "block_actions", "actions": [7]}'},
        {"payload": '{"type": "block_actions", "user": 3, "actions": [{"action_id": "aiops:resolve", "value": {}}]}'},
        {"payload": '{"type": "block_actions", "user": {"id": "\\u0000"}, "actions": [{"action_id": "aiops:note"}]}'},
        {"command": "/aiops", "text": "\0ack \ud83d", "user_id": "\0"},
        {"command": "/aiops"},
        {"else": "x"},
        {},
    ],
)
def test_nothing_is_a_500(client: Client, path: str, slacker: User, form: dict[str, str]) -> None:
    form = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    assert slack(client, path, form, LATER).status_code in (200, 400)


def test_the_address_answers_slacks_challenge(client: Client, path: str) -> None:
    import hashlib
    import hmac

    body = b'{"type": "url_verification", "challenge": "abc"}'
    stamp = str(int(LATER.timestamp()))
    signed = hmac.new(SLACK_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    assert client.post(path, body, "application/json", headers=headers).json() == {"challenge": "abc"}


def test_what_slack_escapes_is_read_as_it_was_typed(
    client: Client, path: str, incident: Incident, slacker: User
) -> None:
    other = make_incident(incident.workspace)
    said = command(client, path, f"note {incident.name} &amp; {other.name}: a &lt; b &amp;amp; c")
    assert said.startswith("Noted 2: ")
    notes = TimelineEntry.objects.filter(kind="note_added").values_list("text", flat=True)
    assert set(notes) == {"a < b &amp; c"}
