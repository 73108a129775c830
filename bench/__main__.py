"""``python -m bench [audit ingest live lists memory paging start] [--rounds 5] [--seconds 4]``: ratios, beside their goals.

Needs Debian's postgresql and wrk; ``live`` chromium; ``paging`` redis-server and prometheus-alertmanager; and the comparison with
Alerta ``ALERTA_VENV``.
"""

from __future__ import annotations

import argparse

from bench import audit, ingest, lists, live, memory, paging, start

BENCHMARKS = {
    "audit": audit.run,
    "ingest": ingest.run,
    "lists": lists.run,
    "live": live.run,
    "memory": memory.run,
    "paging": paging.run,
    "start": start.run,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; all without a name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    for name in options.names or BENCHMARKS:
        print(f"— {name}", flush=True)
        BENCHMARKS[name](options.rounds, options.seconds)
