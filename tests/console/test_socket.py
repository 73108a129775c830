"""The socket: who hears what, what it answers, and that work is shared."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.layers import channel_layers, get_channel_layer
from channels.routing import URLRouter
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from aiops import routing
from aiops.access.actors import Role
from aiops.access.models import Membership, User
from aiops.kernel import live
from aiops.kernel.clock import utcnow
from incidents.models import Incident
from incidents.response.console import consumer as consumers
from incidents.response.console import pace
from incidents.response.console.consumer import RIGHTS_CHANGED, SIGNED_OUT
from incidents.response.console.feed import Feed
from incidents.response.console.fragments import Fragments
from incidents.response.console.rights import rights_of
from incidents.response.services import incidents as services
from tests.console.conftest import element
from tests.factories import actor, make_workspace
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

application = AuthMiddlewareStack(URLRouter(routing.websocket_urlpatterns))


@pytest.fixture(autouse=True)
def _own_layer():
    """The layer keeps queues of one event loop; each test has its own."""
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


class Page:
    """An open page's socket."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        if user is not None:
            self.client.force_login(user)
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self.client.cookies.items())
        headers = [(b"cookie", cookies.encode())]
        scope = {
            "type": "websocket",
            "path": "/ws/console",
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
        }
        self.socket = ApplicationCommunicator(application, scope)

    async def __aenter__(self) -> Page:
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(timeout=PATIENCE))["type"] == "websocket.accept"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(timeout=PATIENCE)

    async def says(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def next(self) -> dict[str, Any]:
        return json.loads((await self.socket.receive_output(timeout=PATIENCE))["text"])

    async def hears(self, key: str) -> dict[str, Any]:
        """The next message with *key*."""
        while True:
            message = await self.next()
            if key in message:
                return message

    async def hears_nothing_of(self, key: str) -> bool:
        """That no message with *key* comes, after a ping has been answered (so everything before has arrived)."""
        await self.says({"ping": 7})
        while True:
            message = await self.next()
            if "pong" in message:
                return True
            assert key not in message, message

    async def asks(self, **question: Any) -> str:
        await self.says({"ask": 1, "at": "1", "query": "", **question})
        return (await self.hears("answer"))["html"]

    async def is_closed_with(self, code: int) -> bool:
        while True:
            output = await self.socket.receive_output(timeout=PATIENCE)
            if output["type"] == "websocket.close":
                return output["code"] == code


async def open_page(user: User | None) -> Page:
    return await sync_to_async(Page)(user)


async def change(workspace_id: int, *incidents: int, kind: str = "ingest", at: str = "1", count: int = 1) -> None:
    message = {"type": "live.change", "incidents": list(incidents), "kinds": [kind], "count": count, "at": at}
    await get_channel_layer().group_send(live.group(workspace_id), message)


@pytest.fixture
def believed_for(monkeypatch):
    """For how many seconds rights are believed."""
    return lambda seconds: monkeypatch.setattr(consumers, "RECHECK", seconds)


async def test_nobody_hears_nothing(workspace):
    page = await open_page(None)
    async with page:
        assert await page.is_closed_with(SIGNED_OUT)


async def test_a_deactivated_person_hears_nothing(workspace, ana):
    page = await open_page(ana)
    ana.is_active = False
    await ana.asave()
    async with page:
        assert await page.is_closed_with(SIGNED_OUT)


async def test_a_change_is_named_and_numbered_with_the_new_figures(workspace, viewer, opened):
    incident = await sync_to_async(opened)()
    async with await open_page(viewer) as page:
        await change(workspace.pk, incident.pk, at="a1")
        assert await page.next() == {
            "v": 1, "incidents": [incident.public_id], "kinds": ["ingest"], "count": 1, "at": "a1", "wait": 0, "rest": 0,
            "counts": {
                "live": 1, "need_someone": 1, "snoozed": 0, "open": 1, "acknowledged": 0,
                "investigating": 0, "info": 0, "low": 0, "medium": 1, "high": 0, "critical": 0,
            },
        }  # fmt: skip
        await change(workspace.pk, incident.pk, at="a2")
        message = await page.next()
        assert (message["v"], message["at"]) == (2, "a2")
        assert "counts" not in message  # they are what the page shows


async def test_what_a_service_does_is_heard(workspace, viewer, opened, now):
    incident = await sync_to_async(opened)()
    live.bind(asyncio.get_running_loop())
    try:
        async with await open_page(viewer) as page:
            await sync_to_async(services.snooze)(
                actor=actor(workspace), incident_id=incident.pk, now=now, duration=timedelta(hours=1)
            )
            message = await page.hears("incidents")
            assert (message["incidents"], message["kinds"]) == ([incident.public_id], ["incident"])
            assert message["at"]
            assert message["counts"]["snoozed"] == 1
    finally:
        live.bind(None)


async def test_other_workspaces_are_not_heard(workspace, stranger):
    async with await open_page(stranger) as page:
        await change(workspace.pk, 1)
        assert await page.hears_nothing_of("incidents")


async def test_a_superuser_hears_all(workspace, stranger):
    stranger.is_superuser = True
    await stranger.asave()
    async with await open_page(stranger) as page:
        await change(workspace.pk, 1)
        assert (await page.hears("incidents"))["incidents"] == ["inc-00000001"]


class TestQuestions:
    async def test_the_board_is_what_the_page_shows(self, workspace, ana, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as page:
            html = await page.asks(fragment="board", query="severity=medium")
            whole = await sync_to_async(page.client.get)("/console/incidents?severity=medium")
            assert html.strip() == element(whole.content.decode(), "board") + ">"
            assert "Disk full" in html

    async def test_the_overview_too(self, workspace, ana, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as page:
            assert "Disk full" in await page.asks(fragment="overview")

    async def test_only_what_one_may_see(self, workspace, stranger, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(stranger) as page:
            assert "Disk full" not in await page.asks(fragment="board")

    async def test_what_was_rendered_for_one_workspace_is_never_shown_in_another(
        self, workspace, ana, stranger, opened
    ):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as hers, await open_page(stranger) as his:
            assert "Disk full" in await hers.asks(fragment="board", at="s1")
            assert "Disk full" not in await his.asks(fragment="board", at="s1")

    async def test_times_are_in_the_zone_of_the_reader(self, workspace, ana, viewer, opened, now):
        viewer.time_zone = "Asia/Kathmandu"  # UTC+5:45
        await viewer.asave()
        await sync_to_async(opened)()
        async with await open_page(ana) as hers, await open_page(viewer) as his:
            assert f"{now:%-d %b %H:%M}" in await hers.asks(fragment="board", at="s1")
            local = now + timedelta(hours=5, minutes=45)
            assert f"{local:%-d %b %H:%M}" in await his.asks(fragment="board", at="s1")

    async def test_mine_is_ones_own(self, workspace, ana, viewer, opened, now):
        incident = await sync_to_async(opened)("Disk full")
        await sync_to_async(services.assign)(actor=actor(workspace), incident_id=incident.pk, now=now, assignee=ana)
        async with await open_page(ana) as hers, await open_page(viewer) as his:
            assert "Disk full" in await hers.asks(fragment="board", query="view=mine")
            assert "Disk full" not in await his.asks(fragment="board", query="view=mine")

    async def test_what_cannot_be_answered_is_answered_with_nothing(self, workspace, ana):
        async with await open_page(ana) as page:
            for question in (
                {"fragment": "secrets"},
                {"fragment": "board", "query": "severity=terrible"},
                {"fragment": "board", "at": ""},
                {"fragment": "board", "query": "x" * 5000},
                {"fragment": "board", "query": "&".join(["a=1"] * 1500)},
                {"fragment": "board", "query": "q=%00"},
                {"fragment": None, "query": None},
            ):
                assert await page.asks(**question) == ""

    async def test_nonsense_is_passed_over(self, workspace, ana):
        async with await open_page(ana) as page:
            for text in ("", "[", "[]", "7", '"x"', '{"ask": "1"}', '{"ping": "x"}', "{}"):
                await page.says(text)
            await page.socket.send_input({"type": "websocket.receive", "bytes": b"\x00"})
            assert await page.hears_nothing_of("answer")

    async def test_pages_of_one_state_share_one_rendering(self, workspace, ana, viewer, opened, monkeypatch):
        await sync_to_async(opened)("first")
        async with await open_page(ana) as one, await open_page(viewer) as two:
            first = await one.asks(fragment="board", at="s1")
            await sync_to_async(Incident.objects.update)(title="changed")
            assert await two.asks(fragment="board", at="s1") == first
            assert "changed" in await two.asks(fragment="board", at="s2")


class TestRights:
    async def test_whoever_signs_out_hears_no_more(self, workspace, ana, believed_for):
        believed_for(0)
        async with await open_page(ana) as page:
            await sync_to_async(page.client.logout)()
            await page.says({"ping": 1})
            assert await page.is_closed_with(SIGNED_OUT)

    async def test_a_new_password_ends_the_old_sessions(self, workspace, ana, believed_for):
        believed_for(0)
        async with await open_page(ana) as page:
            ana.set_password("another horse battery")
            await ana.asave()
            await page.says({"ask": 1, "fragment": "board", "query": "", "at": "x"})
            assert await page.is_closed_with(SIGNED_OUT)

    async def test_a_new_membership_makes_the_page_connect_again(self, workspace, ana, believed_for):
        believed_for(0)
        async with await open_page(ana) as page:
            assert await page.hears_nothing_of("incidents")
            other = await sync_to_async(make_workspace)()
            await Membership.objects.acreate(user=ana, workspace=other, role=Role.VIEWER.value)
            await page.says({"ping": 1})
            assert await page.is_closed_with(RIGHTS_CHANGED)

    @pytest.mark.parametrize("loss", ["signed out", "deactivated", "no member", "new password", "session over"])
    async def test_a_page_that_says_nothing_hears_no_more_either(self, workspace, ana, believed_for, loss):
        believed_for(0)
        async with await open_page(ana) as page:
            if loss == "signed out":
                await sync_to_async(page.client.logout)()
            elif loss == "deactivated":
                await User.objects.filter(pk=ana.pk).aupdate(is_active=False)
            elif loss == "no member":
                await Membership.objects.filter(user=ana).adelete()
            elif loss == "new password":
                ana.set_password("another horse battery")
                await ana.asave()
            else:
                await Session.objects.aupdate(expire_date=utcnow() - timedelta(seconds=1))
            assert await page.is_closed_with(RIGHTS_CHANGED if loss == "no member" else SIGNED_OUT)

    async def test_many_silent_pages_cost_as_many_queries_as_one(self, workspace, ana, viewer):
        def cost(keys: list[str]) -> int:
            with CaptureQueriesContext(connection) as captured:
                assert len(rights_of(keys)) == len(keys)
            return len(captured)

        pages = [await open_page(user) for user in (ana, viewer, ana, ana)]
        keys = [page.client.session.session_key for page in pages]
        assert await sync_to_async(cost)(keys) == await sync_to_async(cost)(keys[:1]) == 3

    async def test_rights_are_believed_for_a_moment(self, workspace, ana, believed_for):
        believed_for(1000)
        async with await open_page(ana) as page:
            await sync_to_async(page.client.logout)()
            assert await page.hears_nothing_of("incidents")


class TestSharing:
    async def test_figures_are_read_once_for_all_pages(self, workspace, ana, viewer, monkeypatch):
        readings = []
        monkeypatch.setattr(
            "incidents.response.console.feed.read_counts", lambda actor, oldest: readings.append(actor) or {"live": 1}
        )
        async with await open_page(ana) as one, await open_page(viewer) as two:
            await change(workspace.pk, 1)
            assert (await one.hears("counts"))["counts"] == (await two.hears("counts"))["counts"] == {"live": 1}
            for _ in range(50):
                await change(workspace.pk, 1)
            await asyncio.sleep(pace.TURN * 1.5)
        assert len(readings) <= 4

    async def test_a_page_whose_line_is_slow_keeps_nobody_waiting(self, workspace, ana):
        gate, slow, quick = asyncio.Event(), [], []
        heard = asyncio.Semaphore(0)

        async def slowly(text: str) -> None:
            await gate.wait()
            slow.append(json.loads(text)["incidents"])
            heard.release()

        async def quickly(text: str) -> None:
            quick.append(json.loads(text)["incidents"])
            heard.release()

        feed = Feed(actor(workspace), [live.group(workspace.pk)])
        await feed.join(slowly)
        await feed.join(quickly)
        try:
            for pk in (1, 2, 3):
                await change(workspace.pk, pk)
                await asyncio.wait_for(heard.acquire(), PATIENCE)
            gate.set()
            for _ in range(2):
                await asyncio.wait_for(heard.acquire(), PATIENCE)
        finally:
            feed.leave(slowly)
            feed.leave(quickly)
            await feed.stop()
        assert quick == [["inc-00000001"], ["inc-00000002"], ["inc-00000003"]]
        assert slow == [["inc-00000001"], ["inc-00000002", "inc-00000003"]]  # nothing is lost

    async def test_in_a_storm_figures_go_on_and_rows_wait_for_its_end(self, workspace, viewer, monkeypatch):
        readings = itertools.count(1)
        monkeypatch.setattr(
            "incidents.response.console.feed.read_counts", lambda actor, oldest: {"live": next(readings)}
        )
        monkeypatch.setattr(pace, "STORM_ROWS", 30)
        async with await open_page(viewer) as page:
            await change(workspace.pk, 1, at="a0")
            assert (await page.hears("incidents"))["rest"] == 0
            await change(workspace.pk, 1, at="a1", count=100)
            assert (await page.hears("incidents"))["rest"] > 0  # that it begins does not wait
            monkeypatch.setattr(pace, "STORM_ROWS", 0.3)
            await change(workspace.pk, 2, at="a2")
            await change(workspace.pk, 3, at="a3")
            assert list(await page.next()) == ["counts"]
            message = await page.hears("incidents")  # without a further change
            assert (message["incidents"], message["at"]) == (["inc-00000002", "inc-00000003"], "a3")
            assert message["rest"] > 0
            message = await page.hears("incidents")  # the storm is over
            assert (message["incidents"], message["at"], message["rest"]) == ([], "a3", 0)

    async def test_in_a_flood_older_figures_do_and_new_ones_come_after_it(self, workspace, viewer, monkeypatch):
        asked = []
        monkeypatch.setattr(
            "incidents.response.console.feed.read_counts", lambda actor, oldest: asked.append(oldest) or {"live": 1}
        )
        monkeypatch.setattr(pace, "FLOOD_FIGURES", 0.3)
        async with await open_page(viewer) as page:
            await change(workspace.pk, 1, at="a1", count=1000)
            await page.hears("counts")
            assert asked[-1] > 0
            async with asyncio.timeout(PATIENCE):
                while asked[-1] > 0:  # without a further change
                    await asyncio.sleep(0.05)
            read = len(asked)
            await asyncio.sleep(pace.TURN * 3)
            assert len(asked) == read, "and then it is quiet"

    async def test_a_rendering_that_failed_is_tried_again(self):
        fragments, attempts = Fragments(), []

        async def make() -> str:
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("database away")
            return "html"

        with pytest.raises(RuntimeError):
            await fragments.get("key", make)
        assert await fragments.get("key", make) == "html"
        assert await fragments.get("key", make) == "html"
        assert len(attempts) == 2

    async def test_whoever_asks_meanwhile_waits_for_the_first(self):
        fragments, attempts, gate = Fragments(), [], asyncio.Event()

        async def make() -> str:
            attempts.append(1)
            await gate.wait()
            return "html"

        asking = [asyncio.create_task(fragments.get("key", make)) for _ in range(20)]
        await asyncio.sleep(0)
        asking.pop().cancel()  # one page closes meanwhile: the others still get theirs
        gate.set()
        assert await asyncio.gather(*asking) == ["html"] * 19
        assert len(attempts) == 1

    async def test_memory_is_bounded(self):
        fragments, made = Fragments(kept=2), []

        async def make() -> str:
            made.append(1)
            return "html"

        for key in ("a", "b", "c", "c", "a"):
            await fragments.get(key, make)
        assert len(made) == 4
