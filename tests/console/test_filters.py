"""Filters of the list are visible, kept, or refused: whoever ticks one more box sends all that was in force before."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.console.conftest import HX, element

pytestmark = pytest.mark.django_db
LIST = "/console/incidents"
LOG = "/console/deliveries"
TIMES = "from=2026-01-01T00%3A00%3A00Z&to=2026-12-31T00%3A00%3A00Z"
EVERYTHING = {
    "view": "all", "q": "cpu", "severity": "critical", "status": "open", "service": "billing", "last": "24h",
    "since": "2026-01-01T00:00:00Z", "from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z", "namespace": "staging",
    "resource": "Node/n1", "snoozed": "false", "sort": "severity",
}  # fmt: skip


class Form(HTMLParser):
    """What a browser sends of a form as it stands."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._select = ""
        self._option: tuple[str, bool] | None = None
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and given.get("name") and (given.get("type") != "checkbox" or "checked" in given):
            self._add(given["name"], given.get("value") or "")
        elif tag == "select":
            self._select, self._first = given["name"], True
        elif tag == "option" and "selected" in given:
            self._option = (given.get("value"), True)

    def handle_data(self, text):
        if self._option is not None:
            value = self._option[0]
            self._add(self._select, text if value is None else value)
            self._option = None

    def handle_endtag(self, tag):
        if tag == "option" and self._option is not None:
            self._add(self._select, self._option[0] or "")
            self._option = None

    def _add(self, name, value):
        if value:
            self.sent.setdefault(name, []).append(value)


def form_of(client, address: str) -> dict[str, list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content.decode()[-300:]
    page = answer.content.decode()
    return Form(re.search(r'<form class="filters".*?</form>', page, re.DOTALL)[0]).sent


def chips_of(client, address: str) -> list[str]:
    page = client.get(address).content.decode()
    return re.findall(r'class="chip"\s+href="([^"]*)"', element(page, "chips").replace("&amp;", "&"))


def test_whatever_is_in_force_is_sent_again_with_the_next_box(browser, ana):
    query = "&".join(f"{name}={value}" for name, value in EVERYTHING.items())
    assert form_of(browser(ana), f"{LIST}?{query}") == {name: [value] for name, value in EVERYTHING.items()}


def test_everything_in_force_has_a_chip_that_removes_it_alone(browser, ana):
    query = "&".join(f"{name}={value}" for name, value in EVERYTHING.items())
    left = [set(parse_qs(urlsplit(url).query)) for url in chips_of(browser(ana), f"{LIST}?{query}")]
    narrowing = set(EVERYTHING) - {"view", "sort"}
    assert [set(EVERYTHING) - names for names in left] == [{name} for name in EVERYTHING if name in narrowing]


@pytest.mark.parametrize("written", ["status=open&status=acknowledged", "status=open,acknowledged"])
def test_several_statuses_stay(browser, ana, written):
    client = browser(ana)
    assert form_of(client, f"{LIST}?{written}") == {"status": ["open", "acknowledged"]}
    assert chips_of(client, f"{LIST}?{written}") == [f"{LIST}?status=acknowledged", f"{LIST}?status=open"]


def test_a_status_that_the_tab_does_not_show_is_not_lost(browser, ana):
    assert form_of(browser(ana), f"{LIST}?status=resolved") == {"status": ["resolved"]}


@pytest.mark.parametrize("written", ["severity=critical&severity=low", "severity=critical,low"])
def test_several_severities_stay(browser, ana, written):
    assert form_of(browser(ana), f"{LIST}?{written}") == {"severity": ["critical", "low"]}


def test_the_chips_come_with_what_changes_on_the_list(browser, ana):
    client = browser(ana)
    fragment = client.get(f"{LIST}?namespace=staging", headers=HX).content.decode()
    assert element(fragment, "chips") == element(client.get(f"{LIST}?namespace=staging").content.decode(), "chips")


def test_every_link_of_the_overview_is_a_list(browser, ana, opened):
    opened(service="a & b")
    page = browser(ana).get("/console").content.decode()
    links = set(re.findall(rf'href="({LIST}\?[^"]*)"', page.replace("&amp;", "&")))
    assert len(links) > 8
    for link in links:
        assert browser(ana).get(link).status_code == 200, link


@pytest.mark.parametrize("address", [LIST, LOG])
@pytest.mark.parametrize("headers", [{}, HX])
def test_a_typo_is_refused_and_what_there_is_is_named(browser, ana, address, headers):
    answer = browser(ana).get(f"{address}?stauts=open", headers=headers)
    said = answer.content.decode()
    assert answer.status_code == 400
    assert "stauts is no parameter of this page" in said
    assert "view, " in said


def test_the_log_keeps_several_states_and_a_person_whom_it_does_not_list(browser, ana):
    query = "view=trouble&state=pending&state=failed_permanent&kind=sms&purpose=page&person=999&last=24h"
    assert form_of(browser(ana), f"{LOG}?{query}") == {
        "view": ["trouble"], "state": ["pending", "failed_permanent"], "kind": ["sms"], "purpose": ["page"],
        "person": ["999"], "last": ["24h"],
    }  # fmt: skip
