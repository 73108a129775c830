"""The log of deliveries, and the trace of each: what was meant, tried and answered; never somebody else's address."""

from __future__ import annotations

import re

import pytest

from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.delivery.services import destinations, receipts
from notifications.models import Delivery
from tests.factories import minutes
from tests.notifications_console.conftest import HOSTILE, HX, acting, element, without_tokens

pytestmark = pytest.mark.django_db
LOG = "/console/deliveries"


def rows(browser, user, query: str = "") -> list[str]:
    """The ids in the log, in its order."""
    return re.findall(r'class="log-row" id="(dlv-\w+)"', browser(user).get(LOG + query).content.decode())


def make(world, count: int = 1, **fields) -> list[Delivery]:
    usual = {
        "workspace": world.workspace,
        "purpose": Purpose.TEST,
        "kind": ChannelKind.LOG,
        "state": DeliveryState.SENT,
    }
    usual |= {"due_at": world.now, "created_at": world.now, "data": {"text": "hello"}}
    return Delivery.objects.bulk_create(Delivery(**usual | fields) for _ in range(count))


class TestLog:
    def test_newest_first_with_who_how_and_what_came_of_it(self, browser, world, ana, viv):
        world.policy({"targets": ["ana"]})
        incident = world.fire("db")
        page = element(browser(viv).get(LOG).content.decode(), "log")
        assert incident.name in page
        assert ">Ana</a>" in page
        assert 'data-delivery-state="sent"' in page
        assert ana.destinations.get().label not in page
        assert ana.destinations.get().label in element(browser(ana).get(LOG).content.decode(), "log")

    def test_filters_are_in_the_url(self, browser, world, ana, mia, hook):
        world.policy({"targets": ["ana"]})
        incident = world.fire("db")
        page = Delivery.objects.get(purpose=Purpose.PAGE)
        (lost,) = make(world, state=DeliveryState.FAILED_PERMANENT, recipient=mia, kind=ChannelKind.EMAIL)
        (shared,) = make(world, destination=hook, kind=ChannelKind.WEBHOOK, created_at=world.now - minutes(90))
        ids = {"page": page.public_id, "lost": lost.public_id, "shared": shared.public_id}
        for query, expected in {
            "?state=failed_permanent": {"lost"},
            "?view=trouble": {"lost"},
            "?view=told": {"page", "shared"},
            "?kind=webhook": {"shared"},
            "?purpose=page": {"page"},
            "?person=shared": {"shared"},
            f"?person={mia.pk}": {"lost"},
            f"?incident={incident.name}": {"page"},
            f"?incident={incident.public_id}": {"page"},
            "?last=1h": {"page", "lost"},
            f"?destination={Delivery.objects.get(purpose=Purpose.PAGE).destination_id}": {"page"},
            "?state=sent&kind=email": set(),
        }.items():
            assert set(rows(browser, ana, query)) == {ids[name] for name in expected}, query
        assert rows(browser, ana, "?person=me") == [ids["page"]]
        assert 'value="webhook" selected' in browser(ana).get(LOG + "?kind=webhook").content.decode()

    @pytest.mark.parametrize(
        ("query", "named"),
        [("?state=lost", "state"), ("?kind=pigeon", "kind"), ("?purpose=fun", "purpose"), ("?last=ever", "last"),
         ("?destination=x", "destination"),
         ("?person=bob", "person"), ("?after=xyz", "after"), ("?before=-1", "before"), ("?view=x", "view"),
         (f"?after={'f' * 40}", "after"), ("?person=%00", "person")],
    )  # fmt: skip
    def test_what_cannot_be_read_is_refused_by_name(self, browser, viv, query, named):
        answer = browser(viv).get(LOG + query)
        assert answer.status_code == 400
        assert named in answer.content.decode()

    def test_an_incident_that_one_may_not_know_of_is_not_found(self, browser, world, ana, stranger):
        world.policy({"targets": ["ana"]})
        incident = world.fire("db")
        assert browser(stranger).get(f"{LOG}?incident={incident.name}").status_code == 404
        assert rows(browser, stranger) == []

    def test_pages_follow_each_other_without_gaps(self, browser, world, viv):
        made = [row.public_id for row in make(world, 120)][::-1]
        client, seen, url = browser(viv), [], LOG
        while url:
            page = client.get(url).content.decode()
            seen.append(re.findall(r'class="log-row" id="(dlv-\w+)"', page))
            found = re.search(r'href="([^"]+)" rel="next"', page)
            url = found[1].replace("&amp;", "&") if found else ""
        assert [len(part) for part in seen] == [50, 50, 20]
        assert [row for part in seen for row in part] == made
        back = re.search(r'href="([^"]+)" rel="prev"', page)
        assert rows(browser, viv, back[1].removeprefix(LOG)) == seen[1]

    def test_a_fragment_is_what_its_page_includes(self, browser, world, viv):
        make(world, 3)
        client = browser(viv)
        page, fragment = (client.get(LOG, headers=head).content.decode() for head in ({}, HX))
        assert "<html" not in fragment
        assert without_tokens(element(fragment, "log")) == without_tokens(element(page, "log"))

    def test_it_costs_the_same_however_many_there_are(
        self, browser, world, ana, viv, hook, django_assert_max_num_queries
    ):
        world.policy({"targets": ["ana"]})
        for n in range(8):
            world.fire(f"db-{n}")
        client = browser(viv)
        with django_assert_max_num_queries(13):
            client.get(LOG)


class TestTrace:
    def test_from_intent_to_receipt(self, browser, world, ana, viv):
        world.policy({"targets": ["ana"], "name": "L1"})
        incident = world.fire("db")
        page = Delivery.objects.get(purpose=Purpose.PAGE)
        receipts.note(
            workspace_id=world.workspace.pk,
            kind=ChannelKind.SMS,
            ref=page.provider_ref,
            state=DeliveryState.DELIVERED,
            detail="on the phone",
            now=world.now,
        )
        shown = browser(viv).get(f"{LOG}/{page.public_id}").content.decode()
        told = [shown.index(words) for words in ("<b>Intended</b>", "<b>Sent</b>", "<b>Delivered</b>")]
        assert told == sorted(told)
        assert "page, high urgency, level “L1”, a first page: it overtakes everything else" in shown
        assert "on the phone" in shown
        assert f"[CRITICAL] {incident.name} db is wrong" in shown  # what it says
        assert "/respond/" not in shown  # the links are their reader's alone
        assert ana.destinations.get().label not in shown

    def test_why_it_was_not_sent(self, browser, world, ana, viv):
        (held,) = make(world, state=DeliveryState.SUPPRESSED, reason="acknowledged by Ana before it was sent")
        assert "acknowledged by Ana before it was sent" in browser(viv).get(f"{LOG}/{held.public_id}").content.decode()

    def test_what_may_have_come_twice_says_so(self, browser, world, viv):
        (twice,) = make(world, maybe_twice=True, attempts=2)
        shown = browser(viv).get(f"{LOG}/{twice.public_id}").content.decode()
        assert "may have arrived twice" in shown
        assert "2 attempts" in shown
        assert "maybe twice" in browser(viv).get(LOG).content.decode()

    def test_a_code_is_shown_to_nobody(self, browser, world, ana, mia):
        own = destinations.create_destination(
            actor=acting(ana), kind=ChannelKind.SMS, address="+15550001234", owner=ana, now=world.now
        )
        sent = destinations.start_verification(actor=acting(ana), destination_id=own.pk, now=world.now)
        code = re.search(r"\d{6}", world.receivers.twilio.texts("+15550001234")[-1])[0]
        for user in (ana, mia):
            for path in (LOG, f"{LOG}/{sent.public_id}"):
                assert code not in browser(user).get(path).content.decode()

    def test_a_notice_is_for_whom_it_is(self, browser, world, ana, mia):
        (notice,) = make(
            world,
            purpose=Purpose.OWNER_NOTICE,
            recipient=ana,
            data={"subject": "Your shift", "text": "private", "url": ""},
        )
        path = f"{LOG}/{notice.public_id}"
        assert "private" in browser(ana).get(path).content.decode()
        assert "private" not in browser(mia).get(path).content.decode()
        assert "Your shift" not in browser(mia).get(LOG).content.decode()

    def test_of_another_workspace_it_does_not_exist(self, browser, world, stranger):
        (row,) = make(world)
        for reference in (row.public_id, "dlv-0fffffff", "nonsense", "dlv-1"):
            assert browser(stranger).get(f"{LOG}/{reference}").status_code == 404

    def test_nothing_that_came_is_markup(self, browser, world, ana, viv, hook):
        world.policy({"targets": ["ana"]})
        incident = world.fire("db", description=HOSTILE)
        incident.deliveries.update(reason=HOSTILE[:400], provider_ref=HOSTILE)
        (test,) = make(world, data={"text": HOSTILE, "level": HOSTILE}, destination=hook)
        type(hook).objects.filter(pk=hook.pk).update(label=HOSTILE)
        for path in ("", f"/{Delivery.objects.get(purpose=Purpose.PAGE).public_id}", f"/{test.public_id}"):
            page = browser(viv).get(LOG + path).content.decode()
            assert "<script>alert" not in page
            assert "<img" not in page
            assert "&lt;img src=x" in page
