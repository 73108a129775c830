"""The run on an incident's page: where it stands, who was told, what is next, and why somebody was not told."""

from __future__ import annotations

import re

import pytest

from aiops.access.actors import SYSTEM
from incidents.choices import Severity
from incidents.response.services import incidents as services
from notifications.models import EscalationPolicy, EscalationRun
from tests.factories import minutes
from tests.notifications_console.conftest import HOSTILE, HX, acting, element, make_shared, page_of, without_tokens

pytestmark = pytest.mark.django_db


def panel(browser, user, incident) -> str:
    return element(browser(user).get(page_of(incident)).content.decode(), "escalation")


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_it_says_who_was_told_how_and_what_is_next(browser, world, ana, mia):
    world.policy({"targets": ["ana"]}, {"targets": ["mia"]})
    incident = world.fire("db")
    shown = panel(browser, mia, incident)
    said = words(shown)
    assert "Pages Mia" in said
    assert re.search(r"L1 \d\d:\d\d:\d\d Ana SMS Sent", said)
    assert "L2 next" in said
    run = EscalationRun.objects.get(incident=incident)
    due = f"{run.next_step_at:%Y-%m-%dT%H:%M:%S}"
    assert f'datetime="{due}' in shown
    assert 'data-time="until"' in shown
    assert re.search(rf'data-countdown\s+data-from="[^"]+"\s+data-until="{due}', shown)
    assert "Policy" in said
    assert "version 1" in said
    assert f"{world.people['ana'].destinations.get().label}" not in shown  # a number is nobody's business


def test_an_acknowledgement_says_who_was_first_and_stops_the_countdown(browser, world, ana, mia):
    world.policy({"targets": ["ana"]}, {"targets": ["mia"]})
    incident = world.fire("db")
    services.acknowledge(actor=acting(ana), incident_id=incident.pk, now=world.now)
    shown = panel(browser, mia, incident)
    assert 'data-run-state="acknowledged"' in shown
    assert "Ana was first" in words(shown)
    assert "Ana has it, paging has stopped" in shown
    assert "data-countdown" not in shown
    assert "Told that" not in shown


def test_a_lease_says_when_it_is_given_back(browser, world, ana):
    world.policy({"targets": ["ana"]}, acknowledge_minutes=30)
    incident = world.fire("db")
    services.acknowledge(actor=acting(ana), incident_id=incident.pk, now=world.now)
    assert re.search(
        r'<bdi>Resting\. Goes on</bdi> <time datetime="[^"]+" data-time="until">', panel(browser, ana, incident)
    )


def test_the_end_is_told_to_those_who_were_told(browser, world, ana):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    services.resolve(actor=SYSTEM, incident_id=incident.pk, now=world.now)
    world.sweep()
    said = words(panel(browser, ana, incident))
    assert "Ended" in said
    assert re.search(r"Told that it is over \S+ Ana SMS Sent", said)


def test_why_somebody_was_not_told(browser, world, ana):
    world.person("cy", phone=False, email="")
    world.policy({"targets": ["cy"]}, {"targets": ["ana"]})
    said = words(panel(browser, ana, world.fire("db")))
    assert "Gaps" in said
    assert "L1 reaches nobody: Cy: has no destination and no e-mail address" in said
    assert re.search(r"L2 \d\d:\d\d:\d\d Ana SMS Sent", said)


def test_nobody_answered_is_loud_and_escalations_by_a_rule_are_named(browser, world, ana):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    world.advance(minutes=20)
    shown = panel(browser, ana, incident)
    assert 'data-run-state="exhausted"' in shown
    assert 'class="value late"' in shown
    assert "Nobody answered" in shown


def test_without_a_policy_it_says_that_nobody_is_paged(browser, world, ana):
    assert "Nobody is paged" in panel(browser, ana, world.fire("db"))


def test_a_failed_message_keeps_its_reason_and_names_are_text(browser, world, ana):
    world.people["ana"].first_name = HOSTILE[:140]
    world.people["ana"].save()
    shared = make_shared(world, HOSTILE, address=world.receivers.webhook.url)
    world.policy({"targets": ["ana"], "name": HOSTILE[:90]}, name=HOSTILE)
    incident = world.fire("db")
    shared.deliveries.update(reason=HOSTILE)
    page = browser(ana).get(page_of(incident)).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;img src=x" in element(page, "escalation")


def test_a_fragment_is_what_its_page_includes(browser, world, ana):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    page, fragment = (browser(ana).get(page_of(incident), headers=head).content.decode() for head in ({}, HX))
    assert without_tokens(element(fragment, "escalation")) == without_tokens(element(page, "escalation"))


def test_the_number_of_queries_does_not_grow(browser, world, ana, mia, django_assert_max_num_queries):
    world.policy({"targets": ["ana"], "repeat_times": 2, "repeat_every_minutes": 4}, {"targets": ["mia", "ana"]})
    incident = world.fire("db", Severity.CRITICAL)
    client = browser(mia)
    for _ in range(2):
        with django_assert_max_num_queries(34):
            client.get(page_of(incident))
        world.advance(minutes=16)


def test_after_a_reopening_it_tells_of_the_new_episode_only(browser, world, ana, mia):
    world.policy({"targets": ["ana"], "name": "first"})
    incident = world.fire("db")
    world.act("resolve", "db")
    EscalationPolicy.objects.update(is_default=False)
    world.policy({"targets": ["mia"], "name": "second"}, name="Another")
    world.act("reopen", "db")
    said = words(panel(browser, ana, incident))
    assert re.search(r"second \S+ Mia SMS Sent", said)
    assert "Ana SMS" not in said


def test_of_another_workspace_it_does_not_exist(browser, world, ana, stranger):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    assert browser(stranger).get(page_of(incident)).status_code == 404


def test_a_message_that_waits_says_for_how_long(browser, world, ana):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    incident.deliveries.update(state="pending", due_at=world.now + minutes(5), sent_at=None)
    assert re.search(
        r'Pending</span>\s*<span class="told-when">\s*<time datetime="[^"]+" data-time="until">',
        panel(browser, ana, incident),
    )
