"""The worst templates that are known cost little: what takes long is refused when it is saved, and gives way when it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.access.models import Workspace
from aiops.kernel.errors import InvalidInput
from incidents.models import Incident
from notifications.channels import sandbox
from notifications.choices import ChannelKind, Purpose
from notifications.delivery.services import templates
from notifications.models import Destination, MessageTemplate
from tests.deliveries.conftest import Page, hook, page, receiver, send  # noqa: F401 - fixtures
from tests.factories import actor, make_incident
from tests.limits.budget import cpu_budget
from tests.receivers import HttpReceiver, receivers  # noqa: F401 - a fixture

ACCENTS = "é" * 10_000
VALUES: dict[str, Any] = {
    "text": "a" * 20_000,
    "labels": {f"label{n}": "v" * 500 for n in range(200)},
    "incident": {"description": ACCENTS},
}
CHAIN = "{{ incident.description" + "|urlencode" * 100 + " }}"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (CHAIN, "at most 5 filters"),
        ("{{ (incident.description|urlencode ~ '')" + "|upper" * 5 + " }}", "at most 5 filters"),
        ("{{ text|upper }}" * 101, "at most 100 filters"),
        ("{{ " + " and ".join(["'ab' in text"] * 300) + " }}", "too deeply nested"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "too deeply nested"),
        ("{{ " + "-" * 5000 + "1 }}", "too deeply nested"),
    ],
)
def test_what_would_take_long_is_refused_when_it_is_saved(source: str, why: str) -> None:
    with cpu_budget(0.5), pytest.raises(InvalidInput, match=f"body: .*{why}") as refused:
        sandbox.check(source, "body")
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ incident.description|urlencode|urlencode }}", "20000 characters may come out"),
        ("{% for a in labels %}{% for b in labels %}{{ a }}{% endfor %}{% endfor %}", "loops of this template take too long"),
        ("{% for a in labels %}{{ (text|upper)[:1] }}{% endfor %}", "filters of this template take too long"),
        ("{% for a in labels %}{% if (" + "~".join(["text"] * 190) + ") %}{% endif %}{% endfor %}", "loops"),
        ("{% for a in labels %}{% for b in labels %}{% if 'aaaaaaab' in text %}{% endif %}{% endfor %}{% endfor %}", "loops"),
    ],
)  # fmt: skip
def test_what_takes_long_ends_while_it_is_filled(source: str, why: str) -> None:
    sandbox.check(source, "body")
    with cpu_budget(1.0), pytest.raises(InvalidInput, match=why):
        sandbox.fill(source, VALUES)


def test_the_worst_that_is_allowed_is_cheap() -> None:
    for source in ("{{ text|title|lower|upper|trim|capitalize }}" * 20, "{{ text }}" * 1900):
        with cpu_budget(1.0):
            assert len(sandbox.fill(source, VALUES)) <= sandbox.LONGEST_TEXT


def test_a_long_text_goes_into_a_filter_only_as_far_as_it_may() -> None:
    assert sandbox.fill("{{ text|truncate(10, true, '...') }}", {"text": "x" * 1_000_000}) == "xxxxxxx..."


@pytest.mark.django_db
def test_a_stored_template_that_takes_long_gives_way_and_the_page_still_goes(
    workspace: Workspace,
    hook: Destination,  # noqa: F811
    page: Page,  # noqa: F811
    receiver: HttpReceiver,  # noqa: F811
    settings: Any,
) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    admin = actor(workspace, role=templates.Role.ADMIN)
    about = {"workspace": workspace, "kind": ChannelKind.WEBHOOK, "purpose": Purpose.PAGE}
    with pytest.raises(InvalidInput, match="body: Line 1: at most 5 filters"):
        templates.save_template(actor=admin, subject="", body=CHAIN, **about)
    MessageTemplate.objects.create(**about, subject="", body=CHAIN)  # of before there was a bound
    incident: Incident = make_incident(workspace, title="Disk full", description=ACCENTS)
    for number in range(6):
        page(incident, hook, round=number)
    with cpu_budget(3.0):
        send()
    texts = [request.json["event"]["text"] for request in receiver.requests]
    assert len(texts) == 6 and all("Disk full" in text for text in texts)
