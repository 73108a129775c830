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
from incidents.response.console import feed
from incidents.response.console.consumer import RIGHTS_CHANGED, SIGNED_OUT
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
        """That no message with *key* has come, now that a ping is answered."""
        await self.says({"ping": 7})
        while True:
            message = await self.next()
            if "pong" in message:
                return True
            assert key not in message, message

    async def asks(self, fragment: Any = "page", query: Any = "", **more: Any) -> None:
        """Open the page's question."""
        await self.says({"ask": fragment, "query": query, **more})

    async def is_shown(self, fragment: Any = "page", query: Any = "") -> str | None:
        """The fragment as it is now, as a page asks for it that has missed something."""
        await self.asks(fragment, query, missed=True)
        return (await self.hears("answer"))["html"]

    async def waits(self, about: str = "") -> None:
        """Take the first answer, which comes at once, and open the next question."""
        await self.asks(incident=about)
        await self.hears("answer")
        await self.asks(incident=about)

    async def is_closed_with(self, code: int) -> bool:
        while True:
            output = await self.socket.receive_output(timeout=PATIENCE)
            if output["type"] == "websocket.close":
                return output["code"] == code


async def open_page(user: User | None) -> Page:
    return await sync_to_async(Page)(user)


_numbers = itertools.count(1)


async def change(workspace_id: int, *incidents: int, kind: str = "ingest", count: int = 1, lost: int = 0) -> None:
    """What kernel.live sends after a change, with *lost* messages missing before it."""
    for _ in range(lost):
        next(_numbers)
    message = {
        "type": "live.change", "workspace": workspace_id, "incidents": list(incidents), "kinds": [kind], "count": count,
        "origin": "test", "n": next(_numbers),
    }  # fmt: skip
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


async def test_a_change_answers_the_open_question_with_the_new_figures(workspace, viewer, opened):
    async with await open_page(viewer) as page:
        await page.waits()
        incident = await sync_to_async(opened)()
        await change(workspace.pk, incident.pk)
        assert await page.hears("answer") == {
            "answer": "", "html": None,
            "counts": {
                "live": 1, "need_someone": 1, "snoozed": 0, "open": 1, "acknowledged": 0,
                "investigating": 0, "info": 0, "low": 0, "medium": 1, "high": 0, "critical": 0,
            },
        }  # fmt: skip


async def test_a_page_that_asks_nothing_hears_the_figures_and_later_what_it_is_owed(workspace, viewer, opened):
    async with await open_page(viewer) as page:
        await page.asks()
        await page.hears("answer")
        incident = await sync_to_async(opened)()
        await change(workspace.pk, incident.pk)
        message = await page.next()
        assert (list(message), message["counts"]["live"]) == (["counts"], 1)
        await page.asks()
        assert "answer" in await page.next()


async def test_nothing_new_is_no_answer(workspace, viewer):
    async with await open_page(viewer) as page:
        await page.waits()
        assert await page.hears_nothing_of("answer")


async def test_what_a_service_does_is_heard(workspace, viewer, opened, now):
    incident = await sync_to_async(opened)()
    live.bind(asyncio.get_running_loop())
    try:
        async with await open_page(viewer) as page:
            await page.waits(incident.public_id)
            await sync_to_async(services.snooze)(
                actor=actor(workspace), incident_id=incident.pk, now=now, duration=timedelta(hours=1)
            )
            assert (await page.hears("answer"))["counts"]["snoozed"] == 1
    finally:
        live.bind(None)


async def test_the_page_of_an_incident_hears_of_no_other(workspace, viewer):
    async with await open_page(viewer) as page:
        await page.waits("inc-00000001")
        await change(workspace.pk, 2)
        await asyncio.sleep(feed.STEP * 3)
        assert await page.hears_nothing_of("answer")
        await change(workspace.pk, 1)
        assert await page.hears("answer")


@pytest.mark.parametrize("lost", [0, 1])
async def test_after_a_lost_message_every_page_is_answered(workspace, viewer, lost):
    async with await open_page(viewer) as page:
        await page.waits("inc-00000001")
        await change(workspace.pk, 2)
        await change(workspace.pk, 2, lost=lost)
        await asyncio.sleep(feed.STEP * 3)
        assert await page.hears("answer") if lost else await page.hears_nothing_of("answer")


async def test_other_workspaces_are_not_heard(workspace, stranger):
    async with await open_page(stranger) as page:
        await page.waits()
        await change(workspace.pk, 1)
        await asyncio.sleep(feed.STEP * 3)
        assert await page.hears_nothing_of("answer")


async def test_a_superuser_hears_all(workspace, stranger):
    stranger.is_superuser = True
    await stranger.asave()
    async with await open_page(stranger) as page:
        await page.waits("inc-00000001")
        await change(workspace.pk, 1)
        assert await page.hears("answer")


class TestQuestions:
    async def test_the_board_is_what_the_page_shows(self, workspace, ana, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as page:
            html = await page.is_shown("board", "severity=medium")
            whole = await sync_to_async(page.client.get)("/console/incidents?severity=medium")
            assert html.strip() == element(whole.content.decode(), "board") + ">"
            assert "Disk full" in html

    async def test_the_overview_too(self, workspace, ana, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as page:
            assert "Disk full" in await page.is_shown("overview")

    async def test_only_what_one_may_see(self, workspace, stranger, opened):
        await sync_to_async(opened)("Disk full")
        async with await open_page(stranger) as page:
            assert "Disk full" not in await page.is_shown("board")

    async def test_what_was_rendered_for_one_workspace_is_never_shown_in_another(
        self, workspace, ana, stranger, opened
    ):
        await sync_to_async(opened)("Disk full")
        async with await open_page(ana) as hers, await open_page(stranger) as his:
            assert "Disk full" in await hers.is_shown("board")
            assert "Disk full" not in await his.is_shown("board")

    async def test_times_are_in_the_zone_of_the_reader(self, workspace, ana, viewer, opened, now):
        viewer.time_zone = "Asia/Kathmandu"  # UTC+5:45
        await viewer.asave()
        await sync_to_async(opened)()
        async with await open_page(ana) as hers, await open_page(viewer) as his:
            assert f"{now:%-d %b %H:%M}" in await hers.is_shown("board")
            local = now + timedelta(hours=5, minutes=45)
            assert f"{local:%-d %b %H:%M}" in await his.is_shown("board")

    async def test_mine_is_ones_own(self, workspace, ana, viewer, opened, now):
        incident = await sync_to_async(opened)("Disk full")
        await sync_to_async(services.assign)(actor=actor(workspace), incident_id=incident.pk, now=now, assignee=ana)
        async with await open_page(ana) as hers, await open_page(viewer) as his:
            assert "Disk full" in await hers.is_shown("board", "view=mine")
            assert "Disk full" not in await his.is_shown("board", "view=mine")

    async def test_what_is_ones_own_comes_with_the_board(self, workspace, ana, opened, now):
        incident = await sync_to_async(opened)("Disk full")
        await sync_to_async(services.assign)(actor=actor(workspace), incident_id=incident.pk, now=now, assignee=ana)
        async with await open_page(ana) as page:
            await page.asks("board")
            assert (await page.hears("answer"))["counts"]["mine"] == 1

    @pytest.mark.parametrize(
        ("fragment", "query"),
        [
            ("secrets", ""), ("page", ""), ("board", "severity=terrible"), ("board", "x" * 5000),
            ("board", "&".join(["a=1"] * 1500)), ("board", "q=%00"), ("board", None), ("board", {"a": []}),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_rendered_is_left_to_the_page_itself(self, workspace, ana, fragment, query):
        async with await open_page(ana) as page:
            assert await page.is_shown(fragment, query) is None

    async def test_nonsense_is_passed_over(self, workspace, ana):
        async with await open_page(ana) as page:
            for text in ("", "[", "[]", "7", '"x"', '{"ask": 1}', '{"ask": null}', '{"ping": "x"}', "{}"):
                await page.says(text)
            await page.socket.send_input({"type": "websocket.receive", "bytes": b"\x00"})
            assert await page.hears_nothing_of("answer")

    async def test_pages_share_one_rendering_until_the_next_change(self, workspace, ana, viewer, opened):
        await sync_to_async(opened)("first")
        async with await open_page(ana) as one, await open_page(viewer) as two:
            first = await one.is_shown("board")
            await sync_to_async(Incident.objects.update)(title="changed")
            assert await two.is_shown("board") == first
            await one.asks("board")
            await change(workspace.pk)
            assert "changed" in (await one.hears("answer"))["html"]
            assert "changed" in await two.is_shown("board")


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
            await page.asks("board")
            assert await page.is_closed_with(SIGNED_OUT)

    async def test_a_new_membership_makes_the_page_connect_again(self, workspace, ana, believed_for):
        believed_for(0)
        async with await open_page(ana) as page:
            assert await page.hears_nothing_of("answer")
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
            assert await page.hears_nothing_of("answer")


class TestPace:
    @pytest.mark.parametrize(
        ("pages", "rate", "figures", "lists"),
        [(1, 1, 0.0125, 0.1), (1, 100, 0.125, 1.0), (20, 100, 0.56, 4.5), (1, 2000, 0.56, 4.5), (20, 2000, 2.5, 20)],
    )
    def test_the_more_happens_and_the_more_watch_the_longer_are_the_pauses(self, pages, rate, figures, lists):
        assert feed.pause(feed.FIGURES, pages, rate) == pytest.approx(figures, rel=0.1)
        assert feed.pause(feed.LISTS, pages, rate) == pytest.approx(lists, rel=0.1)

    async def test_figures_are_read_once_for_all_pages(self, workspace, ana, viewer, monkeypatch):
        readings = []
        monkeypatch.setattr(feed, "read_counts", lambda actor: readings.append(actor) or {"live": len(readings)})
        async with await open_page(ana) as one, await open_page(viewer) as two:
            await change(workspace.pk, 1)
            assert (await one.hears("counts")) == (await two.hears("counts")) == {"counts": {"live": 1}}
            for _ in range(50):
                await change(workspace.pk, 1)
            assert (await one.hears("counts")) == (await two.hears("counts")) == {"counts": {"live": 2}}
        assert len(readings) == 2

    async def test_in_a_storm_figures_go_on_and_lists_wait(self, workspace, viewer, monkeypatch):
        readings = itertools.count(1)
        monkeypatch.setattr(feed, "read_counts", lambda actor: {"live": next(readings)})
        monkeypatch.setattr(feed, "LISTS", 1000)
        async with await open_page(viewer) as page:
            await page.waits()
            for n in range(3):
                await change(workspace.pk, 1, count=10)
                assert list(await page.hears("counts")) == ["counts"], n

    async def test_and_end_with_the_last_state_once_it_is_calm(self, workspace, viewer, opened, monkeypatch):
        monkeypatch.setattr(feed, "LISTS", 1000)
        async with await open_page(viewer) as page:
            await page.asks("board")
            await page.hears("answer")
            await page.asks("board")
            await sync_to_async(opened)("The last one")
            await change(workspace.pk, 1, count=100)
            assert "The last one" in (await page.hears("answer"))["html"]  # without a further change

    async def test_what_a_person_does_does_not_wait_for_the_end_of_a_storm(self, workspace, viewer, monkeypatch):
        monkeypatch.setattr(feed, "LISTS", 1000)
        monkeypatch.setattr(feed, "FIGURES", 1000)
        async with await open_page(viewer) as page:
            await page.waits()
            await change(workspace.pk, 1, count=10_000)
            await change(workspace.pk, 1, kind="incident")
            assert await page.hears("answer")

    async def test_pages_are_answered_one_after_the_other(self, workspace, monkeypatch):
        monkeypatch.setattr(feed, "read_counts", lambda actor: {})
        answered: list[float] = []

        async def answer(counts: feed.Counts) -> None:
            answered.append(asyncio.get_running_loop().time())

        async def publish(counts: feed.Counts) -> None: ...

        shared = feed.Feed(actor(workspace), [live.group(workspace.pk)])
        pages = [feed.OpenPage(publish, answer, is_owed=False) for _ in range(4)]
        for page in pages:
            await shared.join(page)
            shared.ask(page, missed=False)
        try:
            await change(workspace.pk, 1, count=100)  # so that a page is answered every two seconds
            async with asyncio.timeout(PATIENCE):
                while len(answered) < 3:
                    await asyncio.sleep(feed.STEP)
        finally:
            for page in pages:
                await shared.leave(page)
        assert answered[2] - answered[0] > 0.8, "not all at one instant"

    async def test_a_page_whose_line_is_slow_keeps_nobody_waiting(self, workspace, monkeypatch):
        readings = itertools.count(1)
        monkeypatch.setattr(feed, "read_counts", lambda actor: {"live": next(readings)})
        gate, slow, quick = asyncio.Event(), [], []
        heard = asyncio.Semaphore(0)

        async def slowly(counts: feed.Counts) -> None:
            await gate.wait()
            slow.append(counts["live"])
            heard.release()

        async def quickly(counts: feed.Counts) -> None:
            quick.append(counts["live"])
            heard.release()

        async def answer(counts: feed.Counts) -> None: ...

        shared = feed.Feed(actor(workspace), [live.group(workspace.pk)])
        pages = [feed.OpenPage(publish, answer) for publish in (slowly, quickly)]
        for page in pages:
            await shared.join(page)
        try:
            for pk in (1, 2, 3):
                await change(workspace.pk, pk)
                await asyncio.wait_for(heard.acquire(), PATIENCE)
            gate.set()
            for _ in range(2):
                await asyncio.wait_for(heard.acquire(), PATIENCE)
        finally:
            for page in pages:
                await shared.leave(page)
        assert quick == [1, 2, 3]
        assert slow == [1, 3]  # it ends with the last figures


class TestSharing:
    def make_feed(self, workspace) -> feed.Feed:
        return feed.Feed(actor(workspace), [live.group(workspace.pk)])

    async def test_a_rendering_that_failed_is_tried_again(self, workspace):
        shared, attempts = self.make_feed(workspace), []

        async def make() -> str:
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("database away")
            return "html"

        with pytest.raises(RuntimeError):
            await shared.once("key", make)
        assert await shared.once("key", make) == "html"
        assert await shared.once("key", make) == "html"
        assert len(attempts) == 2

    async def test_whoever_asks_meanwhile_waits_for_the_first(self, workspace):
        shared, attempts, gate = self.make_feed(workspace), [], asyncio.Event()

        async def make() -> str:
            attempts.append(1)
            await gate.wait()
            return "html"

        asking = [asyncio.create_task(shared.once("key", make)) for _ in range(20)]
        await asyncio.sleep(0)
        asking.pop().cancel()  # one page closes meanwhile: the others still get theirs
        gate.set()
        assert await asyncio.gather(*asking) == ["html"] * 19
        assert len(attempts) == 1

    async def test_memory_is_bounded(self, workspace, monkeypatch):
        monkeypatch.setattr(feed, "KEPT", 2)
        shared, made = self.make_feed(workspace), []

        async def make() -> str:
            made.append(1)
            return "html"

        for key in ("a", "b", "b", "c", "a"):
            await shared.once(key, make)
        assert len(made) == 4
