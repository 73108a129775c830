"""Resident memory of the web process after 200,000 alerts against after 10,000."""

from __future__ import annotations

import time

from bench.servers import postgres, verdict, web, wrk


def run(rounds: int, seconds: float) -> None:
    """One process, one run: memory is not noisy."""
    with postgres() as server, web(server) as ours:
        sent, after = 0, {}
        for goal in (10_000, 200_000):
            while sent < goal:
                sent += wrk(f"{ours.url}/webhook", 64, 2).requests
            time.sleep(1)  # what waits is answered
            after[goal] = ours.memory()
            print(f"     after {sent} alerts: {after[goal]:.0f} MiB", flush=True)
        verdict("memory after 200,000 ÷ after 10,000 alerts", [after[200_000] / after[10_000]], 1.2, at_least=False)
