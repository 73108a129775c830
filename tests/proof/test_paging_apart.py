"""Paging has its own way: whatever holds the web process and long work up, another workspace's critical incident is paged."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.limits.test_calendars import NEVER, calendar
from tests.limits.test_templates import ACCENTS, CHAIN
from tests.patience import PATIENCE
from tests.proof.harness import SIGN_IN, embedded, eventually
from tests.proof.paging import about, set_up
from tests.proof.production import session_cookie
from tests.receivers import Receivers
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

PAGES = 24  # of the console that hang, and hold what they borrowed

# Another workspace: members who can sign in, and a template of before templates were bounded, for what its webhook tells.
OTHERS = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, User, Workspace
from aiops.kernel.clock import utcnow
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from notifications.choices import ChannelKind, Purpose
from notifications.models import MessageTemplate
from notifications.delivery.services import destinations
from notifications.escalation.services import policies
workspace, now = Workspace.objects.create(name="Others", slug="others"), utcnow()
ensure_workspace_defaults(workspace)
hook = destinations.create_destination(actor=SYSTEM, kind="webhook", address="{url}", workspace=workspace, now=now)
step = dict(name="First", targets=[dict(kind="channel", id=hook.pk)])
policies.create_policy(actor=SYSTEM, workspace=workspace, name="Others", is_default=True, now=now,
                       definition=dict(steps=[step], final_wait_minutes=60))
MessageTemplate.objects.create(workspace=workspace, kind=ChannelKind.WEBHOOK, purpose=Purpose.PAGE, subject="", body="{chain}")
for number in range({people}):
    person = User.objects.create_user(f"nobody{{number}}", password=None)
    Membership.objects.create(user=person, workspace=workspace, role=Role.VIEWER)
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(person.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    print("session", settings.SESSION_COOKIE_NAME, session.session_key)
"""


@pytest.fixture(scope="module")
def busy(folder: Path) -> Iterator[Installation]:
    """An installation with few connections for each process."""
    environment = {**SIGN_IN, "AIOPS_OUTBOUND_ALLOW": "127.0.0.1", "AIOPS_DB_POOL": "6"}
    with embedded("busy", folder / "busy", **environment) as installation:
        yield installation


def paged(busy: Installation, receivers: Receivers, title: str) -> None:
    """*title* is sent, and its page arrives."""
    assert busy.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200
    eventually(f"{title} is paged", lambda: about(receivers.webhook, title))


def test_all_connections_of_the_web_process_are_held(busy: Installation, receivers: Receivers) -> None:
    """As by uploads that take for ever: the console stands still, health says so, and paging goes on."""
    set_up(receivers, busy.data, busy.environment)
    paged(busy, receivers, "Before")
    cookie = session_cookie(busy)

    def hang() -> None:
        with httpx.Client(timeout=PATIENCE) as client:
            client.get(f"{busy.url}/console/incidents", headers={"Cookie": cookie})

    with busy.database() as blocker:
        blocker.execute("BEGIN; LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        pages = [threading.Thread(target=hang, daemon=True) for _ in range(PAGES)]
        for page in pages:
            page.start()
        eventually("the pool is empty", lambda: "free" in busy.get("/health").json()["checks"]["connections"])
        assert busy.get("/health").json()["status"] == "degraded"
        refusal = busy.get("/readyz")
        assert (refusal.status_code, refusal.json()["status"]) == (503, "not ready: no database connection is free")
        assert busy.get("/healthz").status_code == 200
        for n in range(3):
            paged(busy, receivers, f"While all is held {n}")
        blocker.execute("ROLLBACK")
    for page in pages:
        page.join(PATIENCE)
    eventually("it is ready again", lambda: busy.get("/readyz").status_code == 200)


def test_all_processes_of_long_work_are_held(busy: Installation, receivers: Receivers) -> None:
    """As by imports that take for ever."""
    set_up(receivers, busy.data, busy.environment)
    long = psutil.Process(busy.pid_of("worker long"))
    held = [long, *long.children()]
    for process in held:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        paged(busy, receivers, "While long work stands still")
    finally:
        for process in held:
            os.kill(process.pid, signal.SIGCONT)


def test_a_process_of_paging_that_computes_for_long_is_passed_by(busy: Installation, receivers: Receivers) -> None:
    """As by a template of another workspace: one of the two processes stands still, with its claims in hand."""
    set_up(receivers, busy.data, busy.environment)
    busy_one, _ = psutil.Process(busy.pid_of("worker paging")).children()
    os.kill(busy_one.pid, signal.SIGSTOP)
    try:
        titles = [f"While one computes {n}" for n in range(3)]
        for title in titles:
            assert busy.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200
        for title in titles:
            eventually(f"{title} is paged", lambda: about(receivers.webhook, title))  # noqa: B023
    finally:
        os.kill(busy_one.pid, signal.SIGCONT)


def others(busy: Installation, receivers: Receivers) -> list[str]:
    """Have another workspace made, with its template; returns a session's cookie of each of its people."""
    code = OTHERS.format(url=f"{receivers.webhook.url}/others", chain=CHAIN, people=PAGES)
    script = Installation(busy.data, ("manage", "shell", "-c", code), **busy.environment)
    script.start()
    assert script.wait_until_ended() == 0, script.output
    return [f"{name}={key}" for name, key in re.findall(r"session (\S+) (\w+)", script.output)]


def test_others_upload_bombs_and_have_a_template_that_takes_long(busy: Installation, receivers: Receivers) -> None:
    """The attacks themselves: 24 people upload a calendar that is made to be slow, six incidents fill a slow template."""
    set_up(receivers, busy.data, busy.environment)
    cookies = others(busy, receivers)
    assert len(cookies) == PAGES
    bomb = calendar([NEVER], 500)

    def upload(cookie: str) -> int:
        cookies = {"Cookie": f"{cookie}; csrftoken={'a' * 32}", "Origin": busy.url, "X-CSRFToken": "a" * 32}
        with httpx.Client(base_url=busy.url, timeout=2 * PATIENCE, headers=cookies) as client:
            answer = client.post("/console/oncall/mine/import", files={"file": ("a.ics", bomb)})
            return answer.status_code, answer.headers.get("Location", "")

    with ThreadPoolExecutor(PAGES) as people:
        uploads = [people.submit(upload, cookie) for cookie in cookies]
        for number in range(6):
            body = {"title": f"Of others {number}", "description": ACCENTS, "severity": "critical"}
            sent = busy.post("/webhook", json=body, headers={"X-Workspace-Id": "others"})
            assert sent.status_code == 200
        for number in range(3):
            paged(busy, receivers, f"While others do their worst {number}")
        assert not all(each.done() for each in uploads)
        answers = {each.result() for each in uploads}
    assert {status for status, _ in answers} <= {302, 503}
    assert not any("login" in location for _, location in answers)
    eventually("theirs are told too", lambda: about(receivers.webhook, "Of others 5"))
