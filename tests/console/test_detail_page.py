"""The page of one incident: facts, timeline, alerts, why; and the buttons that fit its status and one's role."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta

import pytest

from incidents.choices import Severity, SignalAction
from incidents.models import Alert, Incident
from incidents.response.console.detail import PAYLOAD
from incidents.response.services import incidents as services
from tests.console.conftest import HX, element, page_of, without_tokens
from tests.factories import actor, fire, make_route, minutes

pytestmark = pytest.mark.django_db

PARTS = ("head", "glance", "escalation", "timeline", "alerts-count", "alerts", "facts", "why", "messages")


def actions_on(page: str) -> set[str]:
    return set(re.findall(r'data-action="([\w-]+)"', page))


class TestFacts:
    def test_what_is_known_is_shown(self, browser, ana, opened):
        incident = opened(
            "Checkout errors",
            severity=Severity.CRITICAL,
            description="5xx above 5 %",
            namespace="production",
            pod="checkout-6c9f",
            labels={"team": "payments"},
            links=({"href": "https://runbooks.example.com/x", "text": "Runbook"},),
            metric={"metric": "error_rate", "threshold": 5},
        )
        page = browser(ana).get(page_of(incident)).content.decode()
        for fact in (
            incident.name,
            incident.public_id,
            "5xx above 5 %",
            "production",
            "checkout-6c9f",
            "team=payments",
            "error_rate",
        ):
            assert fact in element(page, "facts")
        assert 'href="https://runbooks.example.com/x"' in page
        assert "Nobody is paged" in element(page, "glance")
        assert "Nobody" in element(page, "glance")

    def test_both_names_lead_here(self, browser, ana, opened):
        incident = opened()
        assert browser(ana).get(f"/console/incidents/{incident.name}").status_code == 200
        assert browser(ana).get(page_of(incident) + "/").status_code == 200

    def test_of_another_workspace_it_does_not_exist(self, browser, stranger, opened):
        incident = opened()
        for path in (page_of(incident), f"/console/incidents/{incident.name}", "/console/incidents/inc-0fffffff"):
            answer = browser(stranger).get(path)
            assert answer.status_code == 404
            assert "High CPU" not in answer.content.decode()

    def test_only_web_addresses_become_links(self, browser, ana, opened):
        incident = opened(
            links=({"href": "javascript:alert(1)", "text": "Click"}, {"href": " JavaScript:x"}, "x", {"href": 1})
        )
        page = browser(ana).get(page_of(incident)).content.decode()
        assert "javascript" not in page.lower().replace("/javascript", "")

    def test_nothing_that_came_is_markup(self, browser, ana, opened, now):
        hostile = "</pre></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7|add:7 }}"
        incident = opened(
            hostile, description=hostile, namespace=hostile, pod=hostile, labels={hostile: hostile}, source=hostile,
            links=({"href": "https://x.example/\"><script>", "text": hostile},), metric={hostile: hostile}, dedup_key=hostile,
            raw=json.dumps({hostile: hostile}).encode(), severity_word=hostile, warnings=(hostile,),
        )  # fmt: skip
        client = browser(ana)
        client.post(page_of(incident) + "/note", {"content": hostile})
        client.post(page_of(incident) + "/snooze", {"hours": "1", "reason": hostile})
        alert = Alert.objects.get(incident=incident)
        for path in (page_of(incident), f"{page_of(incident)}/alerts/{alert.id}"):
            page = client.get(path).content.decode()
            assert "<script>alert" not in page
            assert "<img" not in page
            assert "&lt;img src=x" in page


class TestTimeline:
    def test_machine_and_people_in_one_stream(self, browser, ana, opened, workspace, now):
        incident = opened(severity=Severity.HIGH, severity_word="bad")
        who = actor(workspace, label="Bo Berg")
        services.acknowledge(actor=who, incident_id=incident.pk, now=now + minutes(1), message="on it")
        services.add_note(actor=who, incident_id=incident.pk, now=now + minutes(2), content="Restarted\nthe pod")
        story = element(browser(ana).get(page_of(incident)).content.decode(), "timeline")
        told = [
            story.index(words)
            for words in ("Alert received from", "Incident opened", "acknowledged", "on it", "Restarted\nthe pod")
        ]
        assert told == sorted(told)
        assert "from the unknown word “bad”" in story
        assert "<b><bdi>Bo Berg</bdi></b>" in story


class TestAlerts:
    def test_repeats_are_counted_and_the_latest_are_listed(self, browser, ana, opened, workspace, now):
        incident = opened(dedup_key="k")
        for n in range(12):
            fire(make_route(workspace), now + minutes(n), dedup_key="k")
        page = browser(ana).get(page_of(incident)).content.decode()
        assert "×13" in element(page, "glance")
        assert "the latest 10 of 13" in page
        assert element(page, "alerts").count("<details") == 10

    def test_an_alert_shows_its_payload_and_why(self, browser, ana, opened):
        incident = opened(raw=b'{"title":"High CPU","n":1}')
        alert = Alert.objects.get(incident=incident)
        page = browser(ana).get(f"{page_of(incident)}/alerts/{alert.id}").content.decode()
        assert "&quot;title&quot;: &quot;High CPU&quot;,\n" in page
        assert "26\xa0bytes, indented" in page
        for words in ("Received", "accepted", "Deduplicated", "no live incident with this key", "Opened an incident"):
            assert words in page
        fragment = browser(ana).get(f"{page_of(incident)}/alerts/{alert.id}", headers=HX).content.decode()
        assert fragment.strip() in page

    @pytest.mark.parametrize(
        "raw", [b"", b"\xff\xfe\x00", b"not json", b"[" * 100_000, "\ud800".encode("utf-8", "surrogatepass")]
    )
    def test_a_payload_may_be_anything(self, browser, ana, opened, raw):
        incident = opened(raw=raw)
        alert = Alert.objects.get(incident=incident)
        assert browser(ana).get(f"{page_of(incident)}/alerts/{alert.id}").status_code == 200

    def test_a_long_payload_is_cut_and_says_so(self, browser, ana, opened):
        incident = opened(raw=b"x" * (PAYLOAD + 1))
        page = (
            browser(ana).get(f"{page_of(incident)}/alerts/{Alert.objects.get(incident=incident).id}").content.decode()
        )
        assert "cut here" in page
        assert len(page) < PAYLOAD + 30_000

    def test_an_alert_of_another_incident_is_none_of_this_one(self, browser, ana, stranger, opened):
        one, other = opened(), opened()
        alert = Alert.objects.get(incident=other)
        assert browser(ana).get(f"{page_of(one)}/alerts/{alert.id}").status_code == 404
        assert browser(ana).get(f"{page_of(one)}/alerts/{uuid.uuid4()}").status_code == 404
        assert browser(stranger).get(f"{page_of(other)}/alerts/{alert.id}").status_code == 404


class TestButtons:
    @pytest.mark.parametrize(
        ("moves", "expected", "likely"),
        [
            ((), {"acknowledge", "investigate", "resolve", "close"}, "acknowledge"),
            (("acknowledge",), {"investigate", "resolve", "close", "unacknowledge"}, "resolve"),
            (("investigate",), {"resolve", "close", "unacknowledge"}, "resolve"),
            (("resolve",), {"close", "reopen"}, "close"),
            (("close",), {"reopen"}, None),
        ],
    )
    def test_they_follow_the_transition_table(self, browser, ana, opened, workspace, now, moves, expected, likely):
        incident = opened()
        for move in moves:
            getattr(services, move)(actor=actor(workspace), incident_id=incident.pk, now=now)
        page = browser(ana).get(page_of(incident)).content.decode()
        moving = {"acknowledge", "investigate", "resolve", "close", "unacknowledge", "reopen"}
        assert actions_on(page) & moving == expected
        primary = re.findall(r'class="btn primary"\s+data-action="(\w+)"', page)
        assert [action for action in primary if action in moving] == ([likely] if likely else [])

    def test_what_is_beside_the_status_has_its_buttons_too(self, browser, ana, opened, workspace, now):
        incident = opened()
        live = actions_on(browser(ana).get(page_of(incident)).content.decode())
        assert {"snooze", "escalate", "assign", "take", "priority", "note"} <= live
        assert "unsnooze" not in live
        services.snooze(actor=actor(workspace), incident_id=incident.pk, now=now, duration=timedelta(hours=1))
        services.escalate(actor=actor(workspace), incident_id=incident.pk, now=now)
        page = browser(ana).get(page_of(incident)).content.decode()
        assert "unsnooze" in actions_on(page)
        assert "escalate" in actions_on(page)
        services.resolve(actor=actor(workspace), incident_id=incident.pk, now=now)
        assert not {"snooze", "escalate", "take"} & actions_on(browser(ana).get(page_of(incident)).content.decode())

    def test_a_viewer_has_none(self, browser, viewer, opened):
        page = browser(viewer).get(page_of(opened())).content.decode()
        assert actions_on(page) == set()
        assert "Write a note" not in page


def test_a_fragment_is_what_its_page_includes(browser, ana, opened):
    incident = opened()
    client = browser(ana)
    page = without_tokens(client.get(page_of(incident)).content.decode())
    fragment = without_tokens(client.get(page_of(incident), headers=HX).content.decode())
    assert "<html" not in fragment
    assert set(re.findall(r'id="([\w-]+)"\s+data-fragment', fragment)) == set(PARTS)
    for part in PARTS:
        assert element(fragment, part) == element(page, part)


def test_the_number_of_queries_does_not_grow(browser, ana, opened, workspace, now, django_assert_max_num_queries):
    client, incident = browser(ana), opened(dedup_key="k")
    for count in (3, 47):
        for n in range(count):
            fire(make_route(workspace), now, dedup_key="k", action=SignalAction.TRIGGER)
            services.add_note(actor=actor(workspace), incident_id=incident.pk, now=now, content=f"note {n}")
        with django_assert_max_num_queries(18):
            client.get(page_of(incident))


def test_a_suppressed_one_says_by_what(browser, ana, opened):
    incident = opened()
    Incident.objects.filter(pk=incident.pk).update(suppressed_by={"kind": "rule", "id": 1, "name": "staging at night"})
    page = browser(ana).get(page_of(incident)).content.decode()
    assert "Suppressed" in element(page, "head")
    assert "Silent: staging at night" in element(page, "glance")


class TestForeignText:
    """What strangers write neither turns our words round nor vanishes."""

    @pytest.mark.parametrize("blank", ["\u200b", "\u2060\ufeff", "\u00ad", "\u3164", "\u2800", "\u202e"])
    def test_an_invisible_title_is_said_to_be_one(self, browser, ana, opened, blank):
        incident = opened("visible")
        Incident.objects.filter(pk=incident.pk).update(title=blank)  # as one may stand in an older database
        client = browser(ana)
        assert ">(no visible text)</h1>" in element(client.get(page_of(incident)).content.decode(), "head")
        row = element(client.get("/console/incidents").content.decode(), f"row-{incident.public_id}")
        assert ">(no visible text)</a>" in row

    def test_overrides_and_other_directions_stay_within_their_text(self, browser, ana, opened, workspace, now):
        turned = "pay\u202estnem"
        incident = opened("visible")
        Incident.objects.filter(pk=incident.pk).update(
            title=turned, namespace=turned, pod=turned, description=turned, labels={turned: turned}
        )
        services.add_note(actor=actor(workspace, label="דנה"), incident_id=incident.pk, now=now, content="12 דקות")
        page = browser(ana).get(page_of(incident)).content.decode()
        assert re.search(r'<h1 dir="auto">paystnem</h1>', page)
        for shown in re.finditer("pay\u202estnem", page):
            before = page[: shown.start()]
            assert re.search(r'(<bdi>|dir="auto"[^>]*>)(pay\u202estnem=)?$', before) or before.endswith("="), before[
                -80:
            ]
        assert '<blockquote dir="auto">12 דקות</blockquote>' in page
        assert "<bdi>דנה</bdi>" in page
