"""What the audit costs a person's verb: acknowledging and giving back, with the event and without it, in turns."""

from __future__ import annotations

import json

from bench.servers import inside, postgres, verdict, web

VERBS = 150  # of each kind, a round
CODE = """
import json, statistics, time
from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from aiops.audit import verbs
from aiops.kernel.clock import utcnow
from incidents.response.services import incidents

made = incidents.open_incident(actor=SYSTEM, workspace_id=Workspace.objects.first().pk, now=utcnow(), title="audited")
given = {"actor": SYSTEM, "incident_id": made.pk}
whole = verbs.record, verbs.snapshot
nothing = (lambda *_, **__: None), (lambda row: {})

def seconds(with_audit):
    verbs.record, verbs.snapshot = whole if with_audit else nothing
    began = time.perf_counter()
    incidents.acknowledge(**given, now=utcnow())
    incidents.unacknowledge(**given, now=utcnow())
    return (time.perf_counter() - began) / 2

def both():
    pairs = [(seconds(True), seconds(False)) for _ in range(VERBS // 2)]
    return [statistics.median(taken) for taken in zip(*pairs)]

both()
print(json.dumps([both() for _ in range(ROUNDS)]))
"""


def run(rounds: int, seconds: float) -> None:
    """Print the added milliseconds, and the ratio. *seconds* does not matter here."""
    with postgres() as server, web(server) as ours:
        code = CODE.replace("VERBS", str(VERBS)).replace("ROUNDS", str(rounds))
        pairs = json.loads(inside(ours, code))
    verdict(
        "a verb's audit event", [1000 * (audited - bare) for audited, bare in pairs], 2.0, at_least=False, unit=" ms"
    )
    verdict("a verb with its event, against without", [audited / bare for audited, bare in pairs], 1.5, at_least=False)
