"""What messages say: our words, a workspace's own, and templates that mean harm."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.access.models import Workspace
from aiops.kernel.errors import InvalidInput, NotPermitted
from incidents.models import Incident
from notifications.channels import sandbox, templating
from notifications.choices import ChannelKind, Purpose
from notifications.delivery.services import rendering, templates
from notifications.models import Delivery, Destination, MessageTemplate
from tests.deliveries.conftest import Page, send
from tests.factories import NOW, actor, make_incident, minutes
from tests.limits.budget import cpu_budget
from tests.receivers import HttpReceiver

VALUES: dict[str, Any] = {
    "text": "x" * 15_000,
    "labels": {f"label{n}": "v" * 100 for n in range(200)},
    "incident": {"name": "INC-1", "labels": {"team": "db"}, "created_at": NOW},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ incident.name | lower }}, {{ incident.labels.team }}", "inc-1, db"),
        ("{% for k, v in incident.labels.items() %}{{ k }}={{ v }}{% endfor %}", "team=db"),
        ("{% if incident.labels.team == 'db' %}yes{% else %}no{% endif %}", "yes"),
        ("{{ incident.labels.get('nope') or 'none' }}", "none"),
        ("{{ incident.created_at | at }}", "2026-03-19 14:30 UTC"),
        ("{{ text | truncate(10, true, '…') }} {{ labels | length - 1 }}", "xxxxxxxxx… 199"),
        ("<b>&", "<b>&"),
    ],
)
def test_templates_look_up_choose_and_go_through_lists(source: str, text: str) -> None:
    assert sandbox.fill(source, VALUES) == text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("fine\n{{ nonsense }}", "Line 2: 'nonsense' is undefined"),
        ("{{ incident.nonsense }}", "Line 1: .*nonsense"),
        ("one\ntwo\n{% if %}", "Line 3"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ incident.items.__self__ }}", "unsafe"),
        ("{{ 'a' * 10**9 }}", "Line 1"),
        ("{{ '%999999999d' % 1 }}", "Line 1"),
        ("{{ text.center(10**9) }}", "nothing can be called"),
        ("{{ '{:>999999999}'.format(1) }}", "nothing can be called"),
        ("{{ labels.pop('label1') }}", "nothing can be called"),
        ("{% set x = text ~ text %}", "Line 1"),
        ("{% with x = text ~ text %}{% endwith %}", "Line 1"),
        ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "Line 1"),
        ("{% include 'settings.py' %}", "Line 1"),
        ("{{ text | center(999999999) }}", "no filter center"),
        ("{{ text | join(text) }}", "joined"),
        ("{% for a in [text ~ text] %}{% endfor %}", "there already"),
        ("{% for letter in text %}{% endfor %}", "not over text"),
        ("{% for a in labels %}{% for b in labels %}{% for c in labels %}{% endfor %}{% endfor %}{% endfor %}", "at most 2"),
        ("{% for a in labels %}{% for b in labels %}{{ a }}{% endfor %}{% endfor %}", "too long"),
        ("{{ " + " ~ ".join(["text"] * 300) + " }}", "at most 200 pieces"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested"),
        ("x" * 20_001, "at most 20000"),
        ("{{ 1 // 0 }}", "Line 1"),
    ],
)  # fmt: skip
def test_templates_that_mean_harm_are_refused_soon(source: str, why: str) -> None:
    with cpu_budget(2), pytest.raises(InvalidInput, match=why):
        sandbox.fill(source, VALUES)


def test_what_comes_out_ends() -> None:
    assert len(sandbox.fill("{{ text }}" * 1500, VALUES)) == sandbox.LONGEST_TEXT
    assert sandbox.fill("{{ text }}", VALUES, 5) == "xx..."
    with pytest.raises(InvalidInput, match="subject: Line 1"):
        templating.check("{% if %}", "fine")


@pytest.mark.django_db
class TestOurs:
    """Our own words, with an incident that has everything."""

    @pytest.fixture
    def rich(self, workspace: Workspace) -> Incident:
        return make_incident(
            workspace,
            title="Disk\nfull",
            description="97 % of /var",
            severity=5,
            namespace="production",
            pod="db-0",
            links=[{"href": "https://wiki.example.com/disk", "text": "Runbook"}],
        )

    @pytest.mark.parametrize(
        "purpose", [p for p in Purpose if p not in (Purpose.VERIFY, Purpose.TEST, Purpose.OWNER_NOTICE)]
    )
    def test_every_purpose_says_what_it_is_about(
        self, rich: Incident, hook: Destination, page: Page, purpose: Purpose
    ) -> None:
        delivery = page(rich, hook, purpose=purpose, step=-1, data={"event": "resolve", "level": "L1"})
        message = rendering.message_of(
            delivery, NOW + minutes(7), next_step="If nobody acknowledges by 14:45 UTC: Bo is paged."
        )
        assert rich.name in message.subject and "\n" not in message.subject
        assert len(message.short) <= 160 and rich.name in message.short
        if purpose == Purpose.PAGE:
            for said in (
                "Disk", "production · db-0", "critical, P", "7 min ago", "97 % of /var", "https://wiki.example.com/disk",
                "If nobody acknowledges by 14:45 UTC: Bo is paged.", f"https://aiops.example.com/console/incidents/{rich.public_id}",
            ):  # fmt: skip
                assert said in message.text

    def test_markup_in_a_title_stays_text(self, workspace: Workspace, hook: Destination, page: Page) -> None:
        bad = make_incident(workspace, title="<script>alert(1)</script>{{ 7 * 7 }}")
        message = rendering.message_of(page(bad, hook), NOW)
        assert "<script>" not in message.html and "&lt;script&gt;" in message.html
        assert "{{ 7 * 7 }}" in message.text, "what a sender wrote is never a template"

    def test_a_workspaces_words_are_used_and_give_way_when_they_fail(
        self, workspace: Workspace, rich: Incident, hook: Destination, page: Page, receiver: HttpReceiver
    ) -> None:
        admin = actor(workspace, role=templates.Role.ADMIN)
        about = {"workspace": workspace, "kind": ChannelKind.WEBHOOK, "purpose": Purpose.PAGE}
        with pytest.raises(NotPermitted):
            templates.save_template(actor=actor(workspace), subject="", body="x", **about)
        with pytest.raises(InvalidInput, match="body: Line 2"):
            templates.save_template(actor=admin, subject="", body="a\n{% for %}", **about)
        templates.save_template(actor=admin, subject="Up! {{ incident.name }}", body="{{ incident.title }}", **about)
        page(rich, hook)
        send()
        assert receiver.requests[0].json["event"]["subject"] == f"Up! {rich.name}"
        MessageTemplate.objects.update(body="{{ incident.labels.nobody_has_this }}")
        page(rich, hook, round=1)
        send()
        assert "Service: " in receiver.requests[1].json["event"]["text"], "a page in plain words is better than none"

    def test_a_preview_is_with_a_real_incident_and_saves_nothing(self, rich: Incident) -> None:
        about = {"incident": rich, "kind": ChannelKind.SLACK, "purpose": Purpose.PAGE, "now": NOW}
        message = templates.preview(subject="{{ incident.name }}!", body="{{ next_step }}", **about)
        assert (message.subject, message.text) == (f"{rich.name}!", templates.PREVIEWED)
        for subject, body, field in (("{{ nope }}", "x", "subject"), ("x", "1\n{{ nope }}", "body")):
            with pytest.raises(InvalidInput, match=r"Line \d: 'nope'") as refused:
                templates.preview(subject=subject, body=body, **about)
            assert refused.value.field == field
        assert not MessageTemplate.objects.exists() and not Delivery.objects.exists()
