"""Alerta, the peer a user would pick that stores alerts in PostgreSQL; from ``$ALERTA_VENV``."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.servers import Postgres, answers, free_port, wait_for

STORED = 100_000  # alerts in a store that has been used for a while
# As many as that after the image of the one that is there.
_FILL = f"""
INSERT INTO alerts SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid()::text,
    'resource', 'stored-' || g, 'last_receive_id', gen_random_uuid()::text))).*
FROM (SELECT * FROM alerts LIMIT 1) a, generate_series(1, {STORED}) g
"""
_ALERT = {"resource": "web", "event": "HttpServerError", "environment": "Production", "severity": "major",
          "service": ["checkout"], "group": "Web", "value": "503", "text": "Site is down.", "origin": "bench"}  # fmt: skip


def fill(server: Postgres, url: str) -> None:
    """Have ``STORED`` alerts in Alerta's table."""
    request = urllib.request.Request(f"{url}/alert", json.dumps(_ALERT).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).close()
    server.sql("alerta", _FILL, "ANALYZE")


@contextlib.contextmanager
def alerta(server: Postgres) -> Iterator[str]:
    """Two gunicorn workers on a fresh database; yields the URL. The schema is made by a first start with one worker."""
    venv = Path(os.environ["ALERTA_VENV"])
    server.sql("postgres", "CREATE DATABASE alerta")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "alertad.conf"
        config.write_text(f"DATABASE_URL = '{server.url('alerta')}'\nAUTH_REQUIRED = False\nSECRET_KEY = 'bench'\n")
        (Path(folder) / "alerta_wsgi.py").write_text("from alerta import create_app\n\napp = create_app()\n")
        for workers in (1, 2):
            port = free_port()
            command = [str(venv / "bin" / "gunicorn"), "-w", str(workers), "-b", f"127.0.0.1:{port}", "alerta_wsgi:app"]
            log = (Path(folder) / "log").open("w")
            environment = {**os.environ, "ALERTA_SVR_CONF_FILE": str(config)}
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                url = f"http://127.0.0.1:{port}"
                wait_for(lambda url=url: answers(f"{url}/management/healthcheck"))  # type: ignore[misc]
                if workers == 2:
                    yield url
            finally:
                process.terminate()
                process.wait(15)
