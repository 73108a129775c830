"""Ingest through POST /webhook, one web process, against pgbench and Alerta in the same rounds."""

from __future__ import annotations

import os
from contextlib import ExitStack

from bench.alerta import STORED, alerta, fill
from bench.lists import FILL
from bench.servers import Postgres, pgbench, postgres, prepare_pgbench, verdict, web, wrk


def run(rounds: int, seconds: float) -> None:
    """Interleaved rounds at 64 connections, then at one."""
    with ExitStack() as stack:
        server: Postgres = stack.enter_context(postgres())
        prepare_pgbench(server)
        ours = stack.enter_context(web(server))
        peer = stack.enter_context(alerta(server)) if os.environ.get("ALERTA_VENV") else None
        target = f"{ours.url}/webhook"
        wrk(target, 64, 2)
        new, repeats, against_alerta, errors = [], [], [], 0
        for _ in range(rounds):
            limit = pgbench(server, 64, seconds)
            first, again = wrk(target, 64, seconds), wrk(target, 64, seconds, mode="dup")
            limit = (limit + pgbench(server, 64, seconds)) / 2
            print(f"     pgbench {limit:.0f}/s, new {first.rate:.0f}/s, repeats {again.rate:.0f}/s", flush=True)
            new.append(first.rate / limit)
            repeats.append(again.rate / first.rate)
            errors += first.errors + again.errors
            if peer is not None:
                against_alerta.append(first.rate / _of_peer(peer, seconds))
        single = [wrk(target, 1, seconds).p50 for _ in range(rounds)]
        verdict("ingest of new problems ÷ pgbench, 64 connections", new, 0.7)
        verdict("repeats ÷ new", repeats, 1.0)
        verdict("p50 at one connection", single, 3.0, at_least=False, unit=" ms")
        verdict("requests that failed", [float(errors)], 0, at_least=False)
        if peer is not None:
            verdict("ingest ÷ Alerta's, near-empty stores", against_alerta, 40)
            fill(server, peer)
            server.sql(ours.database, FILL.format(first=1, last=STORED).replace("%%", "%"), "ANALYZE")
            full = []
            for _ in range(rounds):
                mine, theirs = wrk(target, 64, seconds).rate, _of_peer(peer, seconds)
                print(f"     {STORED} stored: ours {mine:.0f}/s, Alerta {theirs:.0f}/s", flush=True)
                full.append(mine / theirs)
            verdict(f"ingest ÷ Alerta's, {STORED} alerts stored in each", full, 40)
        else:
            print(
                "     Alerta was not measured: set ALERTA_VENV to a virtual environment with alerta-server, psycopg2, gunicorn"
            )


def _of_peer(url: str, seconds: float) -> float:
    """Alerts a second that Alerta takes. What it refuses it refuses fast, so nothing may be."""
    load = wrk(f"{url}/alert", 64, seconds, kind="alerta")
    if load.errors:
        raise SystemExit(f"Alerta refused {load.errors} of {load.requests} alerts: this is no measurement")
    return load.rate
