"""Two web processes over one database, and the same problem told to both at the same moment."""

from __future__ import annotations

import pytest

from tests.proof.harness import OPERATOR_KEY
from tests.proof.production import Production
from tests.proof.senders import Sender, all_at_once

pytestmark = pytest.mark.proof

CONNECTIONS = 64


def test_64_connections_make_one_incident_with_64_occurrences(site: Production) -> None:
    senders = [Sender(web, OPERATOR_KEY) for web in site.web for _ in range(CONNECTIONS // 2)]
    for round_ in range(5):
        key = f"race/{round_}"
        answers = all_at_once(senders, {"title": "Everybody notices", "dedup_key": key})
        assert {status for status, _ in answers} == {200}
        assert len({body["incident_id"] for _, body in answers}) == 1
        assert sorted(body["deduplicated"] for _, body in answers) == [False] + [True] * (CONNECTIONS - 1)
        assert site.count("SELECT count(*) FROM incidents_incident WHERE dedup_key = %s", key) == 1
        assert site.count("SELECT occurrences FROM incidents_incident WHERE dedup_key = %s", key) == CONNECTIONS
        assert site.count("SELECT count(*) FROM incidents_alert WHERE dedup_key = %s", key) == CONNECTIONS
    for sender in senders:
        sender.close()
