"""Each state of a run, as the Next column and the panel tell it: people are counted, and nobody is made up."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from incidents.models import Incident
from notifications.models import Destination, EscalationRun
from tests.notifications_console.conftest import element, page_of
from tests.world import World

pytestmark = pytest.mark.django_db


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


@pytest.fixture
def seen(browser, world: World, ana) -> Callable[[Incident], tuple[str, str]]:
    """What a row says of an incident, with its tone, and what the panel begins with."""

    def look(incident: Incident) -> tuple[str, str]:
        client = browser(ana)
        row = element(client.get("/console/incidents?view=all").content.decode(), f"row-{incident.public_id}")
        tone, text = re.search(r'<span class="next (\w+)">(.*?)</span>\s*</li', row, re.DOTALL).groups()
        shown = element(client.get(page_of(incident)).content.decode(), "escalation")
        return f"{tone}: {words(text)}", words(re.search(r'class="run-next">(.*?)</div>', shown, re.DOTALL)[1])

    return look


def log_of(world: World) -> Destination:
    return Destination.objects.create(workspace=world.workspace, kind="log", label="Log", verified_at=world.now)


def test_before_the_first_level(world, seen):
    world.policy({"targets": ["ana"], "delay_minutes": 5})
    row, panel = seen(world.fire("db"))
    assert re.fullmatch(r"due: P1 pages Ana \d+ \w+ \d\d:\d\d", row)
    assert panel.startswith("Pages Ana")


def test_waiting_between_levels(world, seen, mia):
    world.policy({"targets": ["ana"]}, {"targets": ["mia"]})
    row, panel = seen(world.fire("db"))
    assert "P1 pages Mia" in row
    assert "1 person told, nobody has it yet" in panel


def test_the_same_level_once_more(world, seen):
    world.policy({"targets": ["ana"], "repeat_times": 2, "repeat_every_minutes": 4})
    row, panel = seen(world.fire("db"))
    assert "due: P1 pages Ana" in row
    assert panel.startswith("Pages Ana")


def test_the_end_of_a_policy_names_who_hears_of_it(world, seen, mia):
    world.policy({"targets": ["ana"]})
    row, _ = seen(world.fire("db"))
    assert "due: P1 tells Mia" in row


def test_the_end_of_a_policy_of_which_nobody_would_hear(world, seen):
    world.policy({"targets": ["ana"]})
    row, _ = seen(world.fire("db"))
    assert "late: P1 nobody is left to tell" in row


def test_people_are_counted_and_machines_are_not(world, seen):
    log = log_of(world)
    world.policy({"targets": [("channel", log.pk)], "repeat_times": 1, "repeat_every_minutes": 14, "name": "Book"})
    row, panel = seen(world.fire("db"))
    assert "late: P1 Book reaches no person" in row
    assert "0 people told, 1 log, nobody has it yet" in panel


def test_a_person_beside_a_log_is_one_person(world, seen, mia):
    log = log_of(world)
    world.policy({"targets": ["ana"]}, {"targets": ["mia", ("channel", log.pk)]})
    row, _panel = seen(world.fire("db"))
    assert "P1 pages Mia" in row
    assert "+1" not in row


def test_a_level_that_reaches_nobody(world, seen, mia):
    world.person("cy", phone=False)
    world.policy({"targets": ["ana"]}, {"targets": ["cy"], "name": "Cover"})
    row, _ = seen(world.fire("db"))
    assert "late: P1 Cover reaches nobody" in row


@pytest.mark.parametrize("verb", ["acknowledge", "investigate"])
def test_what_somebody_has_says_who_and_since_when(world, seen, verb):
    world.policy({"targets": ["ana"]})
    world.fire("db")
    row, panel = seen(world.act(verb, "db"))
    assert re.match(r"calm: P1 (taken|being looked at)", row)
    assert panel.startswith("Ana has it, paging has stopped")


def test_with_a_lease_it_says_when_it_goes_on(world, seen):
    world.policy({"targets": ["ana"]}, acknowledge_minutes=30)
    world.fire("db")
    row, panel = seen(world.act("acknowledge", "db"))
    assert "due: P1 is given back" in row
    assert re.match(r"Resting\. Goes on .* Unless Ana does something", panel)


def test_asleep_it_says_when_it_wakes(world, seen):
    world.policy({"targets": ["ana"]})
    world.fire("db")
    row, panel = seen(world.act("snooze", "db", duration=timedelta(hours=1)))
    assert "calm: P1 wakes" in row
    assert panel.startswith("Paused")


def test_asleep_after_the_policy_ran_out_nobody_is_called_for(world, seen):
    world.policy({"targets": ["ana"]})
    world.fire("db")
    world.advance(minutes=20)
    row, _panel = seen(world.act("snooze", "db", duration=timedelta(hours=1)))
    assert "calm: P1 wakes" in row
    assert "late" not in row


def test_suppressed_it_says_by_what(world, seen):
    world.policy({"targets": ["ana"]})
    incident = world.fire("db")
    Incident.objects.filter(pk=incident.pk).update(suppressed_by={"kind": "rule", "id": 1, "name": "at night"})
    row, _ = seen(incident)
    assert row == "calm: P1 silent: at night"


class TestRunOut:
    def test_everybody_was_told_and_nobody_answered(self, world, seen):
        world.policy({"targets": ["ana"]})
        incident = world.fire("db")
        world.advance(minutes=20)
        row, panel = seen(incident)
        assert row == "late: P1 nobody answered"
        assert panel.startswith("Nobody answered")
        assert "1 person told, nobody has it yet" in panel

    def test_nobody_could_be_reached(self, world, seen):
        world.person("cy", phone=False)
        world.policy({"targets": ["cy"]})
        incident = world.fire("db")
        world.advance(minutes=20)
        row, panel = seen(incident)
        assert row == "late: P1 nobody could be reached"
        assert panel.startswith("Nobody could be reached")
        assert "answered" not in panel

    def test_no_level_is_for_it(self, world, seen):
        world.policy({"targets": ["ana"], "conditions": {"severities": ["low"]}})
        incident = world.fire("db")
        world.advance(minutes=20)
        row, panel = seen(incident)
        assert row == "late: P1 no level applies"
        assert panel.startswith("No level applies")

    @pytest.mark.parametrize("verb", ["acknowledge", "investigate"])
    def test_once_somebody_has_it_nobody_is_missed(self, world, seen, verb):
        world.policy({"targets": ["ana"]})
        world.fire("db")
        world.advance(minutes=20)
        row, panel = seen(world.act(verb, "db"))
        assert re.match(r"calm: P1 (taken|being looked at)", row)
        assert panel.startswith("Ana has it, paging has stopped")
        assert "Nobody answered" not in panel

    def test_given_back_it_is_loud_or_goes_on(self, world, seen):
        world.policy({"targets": ["ana"]})
        world.fire("db")
        world.advance(minutes=20)
        world.act("acknowledge", "db")
        row, _ = seen(world.act("unacknowledge", "db"))
        assert not row.startswith("calm")


def test_stopped_by_a_rule(world, seen):
    world.policy({"targets": ["ana"]}, stop={"after_minutes": 1})
    incident = world.fire("db")
    world.advance(minutes=2)
    row, panel = seen(incident)
    assert row == "due: P1 paging stopped by rule"
    assert panel.startswith("Stopped by a rule")


def test_ended(world, seen):
    world.policy({"targets": ["ana"]})
    world.fire("db")
    row, panel = seen(world.act("resolve", "db"))
    assert row.startswith("calm: P1 closes")
    assert panel.startswith("Ended")


def test_without_a_policy(world, seen):
    row, panel = seen(world.fire("db"))
    assert row == "late: P1 nobody is paged"
    assert panel.startswith("Nobody is paged No escalation policy is for this service and severity.")


def test_no_mail_server_is_not_no_address(browser, world, ana, mia):
    world.person("cy", phone=False, email="cy@example.com")
    world.person("di", phone=False, email="")
    world.policy({"targets": ["cy", "di"], "name": "Night"}, {"targets": ["mia"]})
    shown = element(browser(ana).get(page_of(world.fire("db"))).content.decode(), "escalation")
    assert "Cy: has cy@example.com, but no mail server is set up; Di: has no destination and no e-mail address" in shown
    assert 'href="/console/destinations/accounts/new/email">Set one up</a>' in shown
    foretold = browser(ana).get("/console/escalation/what-if").content.decode()
    assert "has cy@example.com, but no mail server is set up" in foretold
    assert "Set one up" in foretold
    assert "reaches 1 person" in words(foretold)


def test_the_what_if_of_a_log_reaches_no_person(browser, world, ana):
    world.policy({"targets": [("channel", log_of(world).pk)]})
    said = words(browser(ana).get("/console/escalation/what-if").content.decode())
    assert said.count("reaches no person") == 2  # on top, and at the level
    assert "Nobody could be reached" in said
    assert "Nobody answered" not in said


def test_a_phone_without_an_account_is_told_of(browser, world, ana):
    world.policy({"targets": ["ana"]})
    world.workspace.providers.all().delete()
    said = words(browser(ana).get("/console/escalation/what-if").content.decode())
    assert "no SMS account is set up" in said
    assert "reaches no person" in said


def test_what_was_written_to_a_log_is_no_success(browser, world, ana):
    world.policy({"targets": [("channel", log_of(world).pk)]})
    shown = element(browser(ana).get(page_of(world.fire("db"))).content.decode(), "escalation")
    assert "Written" in words(shown)
    assert 'class="dlv delivered"' not in shown


def test_the_run_of_every_state_is_known(world):
    assert {state for state, _ in EscalationRun._meta.get_field("state").choices} == {
        "active", "acknowledged", "paused", "exhausted", "stopped", "ended",
    }  # fmt: skip
