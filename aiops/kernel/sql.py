"""The cursor of statements that run all the time: bound by the server, planned once per connection."""

from __future__ import annotations

import psycopg
from django.db import connection


def prepared_cursor() -> psycopg.Cursor:
    """A cursor on this thread's connection, which has to be open, past Django's, which binds in the client. Execute with
    ``prepare=True``: planning a statement of ingest anew would cost more than running it.

    Errors are psycopg's own unless ``connection.wrap_database_errors`` is entered around it.
    """
    return psycopg.Cursor(connection.connection)
