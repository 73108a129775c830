"""Alerta, the peer a user would pick that stores alerts in PostgreSQL; from ``$ALERTA_VENV``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.servers import Postgres, answers, free_port, wait_for


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
            command = [venv / "bin" / "gunicorn", "-w", str(workers), "-b", f"127.0.0.1:{port}", "alerta_wsgi:app"]
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
