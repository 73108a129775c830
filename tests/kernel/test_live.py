"""What leaves a process after a change, and when the channel layer is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers

from aiops.kernel import live
from aiops.kernel.live import LivePush

pytestmark = pytest.mark.django_db(transaction=True)


class Layer(InMemoryChannelLayer):
    """A channel layer that refuses so many messages before it takes one."""

    refuses = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ConnectionError("away")
        await super().group_send(group, message)


@pytest.fixture
async def layer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Layer]:
    monkeypatch.setattr(live, "AGAIN", 0.1)
    found = Layer()
    channel_layers.backends["default"] = found
    yield found
    channel_layers.backends.clear()


@pytest.fixture
async def push() -> LivePush:
    push = LivePush()
    push.bind(asyncio.get_running_loop())
    return push


async def listen(layer: Layer, workspace: int) -> str:
    channel = await layer.new_channel()
    await layer.group_add(live.group(workspace), channel)
    return channel


async def heard(layer: Layer, channel: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return dict(await layer.receive(channel))


def publish(push: LivePush, *rows: tuple[int, int | None], kind: str = "ingest") -> Any:
    return asyncio.get_running_loop().run_in_executor(None, push.publish_rows, rows, kind)


async def test_the_first_change_leaves_at_once_and_those_that_follow_together(layer: Layer, push: LivePush) -> None:
    channel = await listen(layer, 1)
    await publish(push, (1, 10))
    first = await heard(layer, channel)
    for incident in (11, 12, 12):
        await publish(push, (1, incident), kind="incident")
    second = await heard(layer, channel)
    assert (first["incidents"], first["count"], first["kinds"]) == ([10], 1, ["ingest"])
    assert (second["incidents"], second["count"], second["kinds"]) == ([11, 12], 3, ["incident"])
    assert (second["n"], second["origin"]) == (first["n"] + 1, first["origin"])


async def test_each_workspace_hears_of_its_own(layer: Layer, push: LivePush) -> None:
    one, two = await listen(layer, 1), await listen(layer, 2)
    await publish(push, (1, 10), (2, 20), (2, None))
    assert [(await heard(layer, channel))["incidents"] for channel in (one, two)] == [[10], [20]]


async def test_too_many_to_name_are_many(layer: Layer, push: LivePush) -> None:
    channel = await listen(layer, 1)
    await publish(push, *((1, incident) for incident in range(live.MAX_IDS + 1)))
    message = await heard(layer, channel)
    assert (message["incidents"], message["count"]) == ([], live.MAX_IDS + 1)


async def test_what_did_not_get_through_comes_with_what_follows_and_once_more(layer: Layer, push: LivePush) -> None:
    channel = await listen(layer, 1)
    layer.refuses = 2
    await publish(push, (1, 10))
    await publish(push, (1, 11))
    message = await heard(layer, channel)
    assert (message["incidents"], message["count"]) == ([10, 11], 2)
    assert (await heard(layer, channel))["incidents"] == [10, 11], "for those who were back later than we were"
