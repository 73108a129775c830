"""Policies: the list, a policy and its versions, the editor without JavaScript, services, and the what-if."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notifications.models import EscalationPolicy, ServicePolicy, UnreachableService
from tests.factories import make_service
from tests.notifications_console.conftest import HOSTILE, HX, element, make_shared

pytestmark = pytest.mark.django_db
HOME = "/console/escalation"


def filled(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The editor's form, as a browser sends it."""
    data: dict[str, Any] = {"name": "Payments", "description": "", "enabled": "on", "repeat": "0", "final_wait": "15"}
    data |= {"acknowledge": "", "stop_after": "", "stop_below": "", "step-count": str(len(steps))}
    for n, step in enumerate(steps):
        usual = {"name": "", "delay": "15" if n else "0", "target": [], "repeat_every": "0", "repeat_times": "0"}
        usual |= {"from": "", "to": "", "zone": "responder", "otherwise": "skip", "urgency": "auto"}
        data |= {f"step-{n}-{name}": value for name, value in (usual | step).items()}
    return data | fields


def who(user) -> str:
    return f"user:{user.pk}"


class TestEditor:
    def test_a_policy_is_made_and_becomes_a_new_version_when_it_changes(self, browser, world, mia, ana):
        client = browser(mia)
        assert client.get(f"{HOME}/new").status_code == 200
        data = filled({"target": [who(ana), ""], "name": "L1"}, {"target": [who(mia)], "delay": "5"}, is_default="on")
        answer = client.post(f"{HOME}/new", data | {"workspace": world.workspace.pk}, follow=True)
        assert "Payments is saved" in answer.content.decode()
        policy = EscalationPolicy.objects.get(name="Payments")
        assert policy.is_default
        steps = policy.version.definition["steps"]
        assert [(step["name"], step["delay_minutes"]) for step in steps] == [("L1", 0), ("", 5)]
        assert steps[0]["targets"] == [{"kind": "user", "id": ana.pk}]
        page = client.get(f"{HOME}/{policy.pk}/edit").content.decode()
        assert re.search(r'name="step-0-name"\s+value="L1"', page)
        assert f'<option value="{who(ana)}" selected>Ana</option>' in page
        data = filled(
            {"target": [who(mia)], "severity": ["critical"], "day": ["0", "4"], "from": "22:00", "to": "06:00"}
        )
        client.post(f"{HOME}/{policy.pk}/edit", data)
        policy.refresh_from_db()
        assert policy.version.number == 2
        conditions = policy.version.definition["steps"][0]["conditions"]
        assert conditions["severities"] == ["critical"]
        assert conditions["window"] == {"days": [0, 4], "from": "22:00", "to": "06:00", "time_zone": "responder"}
        shown = client.get(f"{HOME}/{policy.pk}").content.decode()
        assert "only Mon Fri 22:00–06:00 on their own clock" in shown
        old = client.get(f"{HOME}/{policy.pk}/versions/1").content.decode()
        assert "no longer in use" in old
        assert "1 · L1" in old

    def test_its_own_buttons_add_move_and_remove_levels_and_lose_nothing_that_was_typed(self, browser, mia, ana):
        client = browser(mia)
        two = filled(
            {"name": "first", "target": [who(ana)]}, {"name": "second", "delay": "seven", "target": [who(mia)]}
        )

        def names(what: str) -> list[str]:
            answer = client.post(f"{HOME}/new", two | {"do": what})
            assert answer.status_code == 200
            return re.findall(r'name="step-\d+-name"\s+value="(\w*)"', answer.content.decode())

        assert names("add") == ["first", "second", ""]
        assert names("up-1") == ["second", "first"]
        assert names("down-0") == ["second", "first"]
        assert names("remove-0") == ["second"]
        assert names("down-9") == names("up-0") == ["first", "second"]
        moved = client.post(f"{HOME}/new", two | {"do": "up-1"}).content.decode()
        assert re.search(r'name="step-0-delay"\s+value="seven"', moved)
        fragment = client.post(f"{HOME}/new", two | {"do": "add"}, headers=HX).content.decode()
        assert "<html" not in fragment
        assert fragment.count("step-count") == 1
        assert not EscalationPolicy.objects.filter(name="Payments").exists()

    @pytest.mark.parametrize(
        ("change", "beside", "complaint"),
        [
            ({"step-0-delay": "soon"}, "step-0-delay", "Expected a whole number"),
            ({"step-0-target": []}, "step-0-target", "Expected at least one"),
            ({"step-0-target": ["user:999999"]}, "step-0-target", "no such person in this workspace"),
            ({"step-0-target": ["nonsense"]}, "step-0-target", "expected one of user, team"),
            ({"step-0-repeat_times": "3", "step-0-repeat_every": "9"}, "step-0-repeat_times", "do not fit"),
            ({"step-0-from": "25:99", "step-0-to": "06:00"}, "step-0-zone", "a time of day"),
            ({"step-0-from": "09:00", "step-0-to": "17:00", "step-0-zone": "Mars"}, "step-0-zone", "an IANA name"),
            ({"step-0-urgency": "extreme"}, "step-0-urgency", "expected one of auto"),
            ({"repeat": "99"}, "repeat", "from 0 to 10"),
            ({"final_wait": "0"}, "final_wait", "from 1 to"),
            ({"acknowledge": "x"}, "acknowledge", "whole number"),
            ({"fallback": ["999999"]}, "fallback", "no such shared destination"),
            ({"name": " "}, "name", "A policy needs a name"),
            ({"step-count": "0"}, "step-0-target", "Expected at least one"),
        ],
    )
    def test_what_is_wrong_is_told_beside_its_field(self, browser, world, mia, ana, change, beside, complaint):
        make_shared(world, "Status page")
        answer = browser(mia).post(f"{HOME}/new", filled({"target": [who(ana)]}) | change)
        page = answer.content.decode()
        assert answer.status_code == 422
        at = page.lower().index(complaint.lower())
        assert re.findall(r'name="([\w-]+)"', page[:at])[-1] == beside
        assert "[0]" not in page[at - 20 : at + 200]  # a place of JSON is no news to whoever fills in a form
        assert not EscalationPolicy.objects.filter(name="Payments").exists()

    @pytest.mark.parametrize(
        "junk", [{}, {"step-count": "-1"}, {"step-count": "9" * 50}, {"step-count": "3"}, {"do": "up-x"}]
    )
    def test_junk_is_refused_or_shown_again_never_a_crash(self, browser, mia, junk):
        assert browser(mia).post(f"{HOME}/new", junk).status_code in (200, 422)

    def test_only_admins_change_anything_and_viewers_read(self, browser, world, ana, viv, stranger):
        policy = world.policy({"targets": ["ana"]})
        paths = (HOME, f"{HOME}/{policy.pk}", f"{HOME}/services", f"{HOME}/what-if")
        for user in (ana, viv):
            client = browser(user)
            assert [client.get(path).status_code for path in paths] == [200] * 4
            assert "New policy" not in client.get(HOME).content.decode()
            assert client.get(f"{HOME}/{policy.pk}/edit").status_code == 403
            assert client.post(f"{HOME}/new", filled({"target": [who(ana)]})).status_code == 403
            client.post(f"{HOME}/{policy.pk}/delete")
            client.post(f"{HOME}/services/{world.service.pk}", {"policy": policy.pk})
        other = browser(stranger)
        assert other.get(f"{HOME}/{policy.pk}").status_code == 404
        other.post(f"{HOME}/{policy.pk}/delete")
        assert other.get(f"{HOME}/{policy.pk}/edit").status_code == 404
        assert policy.name not in element(other.get(HOME).content.decode(), "main")
        assert EscalationPolicy.objects.filter(pk=policy.pk).exists()
        assert not ServicePolicy.objects.exists()


class TestServices:
    def test_a_service_gets_a_policy_of_its_own_and_gives_it_back(self, browser, world, mia, ana):
        policy, service = world.policy({"targets": ["ana"]}), make_service(world.workspace, "checkout-api")
        client = browser(mia)
        client.post(f"{HOME}/services/{service.pk}", {"policy": policy.pk})
        assert ServicePolicy.objects.get().policy == policy
        assert "checkout-api" in client.get(f"{HOME}/{policy.pk}").content.decode()
        assert "1 service" in client.get(HOME).content.decode()
        assert "checkout-api" not in element(client.get(f"{HOME}/services?q=zzz").content.decode(), "main")
        for junk in ("x", "9" * 30, "999999"):
            client.post(f"{HOME}/services/{service.pk}", {"policy": junk})
        assert ServicePolicy.objects.get().policy == policy
        client.post(f"{HOME}/services/{service.pk}", {"policy": ""})
        assert not ServicePolicy.objects.exists()

    def test_services_that_reach_nobody_are_on_top(self, browser, world, viv):
        service = make_service(world.workspace, "lonely")
        UnreachableService.objects.create(
            service=service, workspace=world.workspace, found_at=world.now, at=world.now, reason="no policy"
        )
        page = browser(viv).get(HOME).content.decode()
        assert "1 service would reach nobody" in page
        assert f"what-if?service={service.pk}" in page
        assert "reaches nobody: no policy" in browser(viv).get(f"{HOME}/services").content.decode()

    def test_a_policy_in_use_says_why_it_stays(self, browser, world, mia, ana):
        policy = world.policy({"targets": ["ana"]})
        world.fire("db")
        answer = browser(mia).post(f"{HOME}/{policy.pk}/delete", follow=True)
        assert "still going on" in answer.content.decode()
        assert EscalationPolicy.objects.filter(pk=policy.pk).exists()


class TestWhatIf:
    def test_it_tells_the_whole_way_to_the_end(self, browser, world, ana, mia, viv):
        world.person("cy", phone=False, email="")
        world.policy({"targets": ["ana"]}, {"targets": ["cy"]}, {"targets": ["mia"]})
        page = browser(viv).get(f"{HOME}/what-if?at=2026-11-28T03:10").content.decode()
        told = [
            page.index(words)
            for words in ("Saturday 28 November, 03:10", ">Ana<", "reaches nobody", ">Mia<", "Nobody answered")
        ]
        assert told == sorted(told)
        assert "has no destination and no e-mail address" in page.lower()
        assert "reaches 2" in page
        assert ana.destinations.get().label not in page

    def test_the_hour_changes_it(self, browser, world, ana, viv):
        world.policy(
            {
                "targets": ["ana"],
                "conditions": {"window": {"days": [0], "from": "09:00", "to": "17:00", "time_zone": "UTC"}},
            }
        )
        night = browser(viv).get(f"{HOME}/what-if?at=2026-11-28T03:10").content.decode()
        assert "reaches no person</b>" in night
        assert "nly Mon 09:00–17:00 in UTC" in night
        assert "reaches 1" in browser(viv).get(f"{HOME}/what-if?at=2026-11-30T10:00").content.decode()

    @pytest.mark.parametrize("query", ["service=999999", "severity=extreme", "at=nonsense", "priority=P9", "service=x"])
    def test_what_cannot_be_read_is_told_beside_its_field(self, browser, world, viv, query):
        page = browser(viv).get(f"{HOME}/what-if?{query}").content.decode()
        assert 'class="error"' in page
        assert "data-foretold" not in page

    def test_a_service_of_another_workspace_is_no_choice(self, browser, world, viv, stranger):
        page = browser(stranger).get(f"{HOME}/what-if?service={world.service.pk}").content.decode()
        assert "data-foretold" not in page


def test_nothing_that_came_is_markup(browser, world, mia, ana):
    make_shared(world, HOSTILE)
    policy = world.policy({"targets": ["ana"], "name": HOSTILE[:90]}, name=HOSTILE[:190])
    EscalationPolicy.objects.filter(pk=policy.pk).update(description=HOSTILE)
    make_service(world.workspace, HOSTILE[:100])
    for path in ("", f"/{policy.pk}", f"/{policy.pk}/edit", "/services", "/what-if", "/new"):
        page = browser(mia).get(HOME + path).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page


def test_the_list_costs_the_same_however_many_there_are(browser, world, viv, ana, django_assert_max_num_queries):
    for n in range(12):
        world.policy({"targets": ["ana"]}, {"targets": ["viv"]}, name=f"Policy {n}")
    client = browser(viv)
    with django_assert_max_num_queries(18):
        client.get(HOME)
