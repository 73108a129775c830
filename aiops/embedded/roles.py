"""The roles of the private PostgreSQL: one owns the platform's database and nothing else, another creates databases and
roles.
"""

from __future__ import annotations

import secrets

import psycopg
from psycopg import sql

from aiops.embedded.failure import StartRefused

OURS = DATABASE = "aiops"
ADMIN = "aiops_admin"
PASSING = "aiops_passing"  # exists for a moment while an older installation is handed over

# What an older installation, or a restored one, left to the admin. What belongs to a table (a sequence, an index) goes with it.
_OWNERS = """
SELECT format('ALTER %s %s OWNER TO aiops',
              CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
              c.oid::regclass)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')
    AND c.relowner <> 'aiops'::regrole
    AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                        AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO aiops', p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'aiops'::regrole
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""


class Server:
    """A running server: how to get in, and the passwords of the two roles."""

    def __init__(self, sockets: str, password: str, admin_password: str) -> None:
        self._sockets = sockets
        self._password, self._admin_password = password, admin_password

    def ensure(self) -> None:
        """Make our role and our database if there are none, and have the one own the other. An older installation is changed."""
        try:
            admin = self._connect(ADMIN, self._admin_password)
        except psycopg.OperationalError as error:
            self._hand_over(error)
            admin = self._connect(ADMIN, self._admin_password)
        with admin:
            self._ensure_role(admin)
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OURS))
                )
            admin.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(DATABASE), sql.Identifier(OURS))
            )
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(PASSING)))
        with self._connect(ADMIN, self._admin_password, DATABASE) as inside:
            for (statement,) in inside.execute(_OWNERS).fetchall():
                inside.execute(statement)

    def _ensure_role(self, admin: psycopg.Connection) -> None:
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OURS]).fetchone():
            admin.execute(_with_password(admin, "CREATE ROLE {} LOGIN PASSWORD {}", OURS, self._password))

    def _hand_over(self, refusal: psycopg.OperationalError) -> None:
        """In older installations our role was the superuser that initdb made: that one gets the other name, and we a new one."""
        try:
            with self._connect(OURS, self._password) as old:
                old.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(PASSING)))
                passing = secrets.token_hex(24)
                old.execute(_with_password(old, "CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}", PASSING, passing))
            with self._connect(PASSING, passing) as between, between.transaction():
                names = [sql.Identifier(name) for name in (OURS, ADMIN)]
                between.execute(sql.SQL("ALTER ROLE {} RENAME TO {}").format(*names))
                between.execute(_with_password(between, "ALTER ROLE {} PASSWORD {}", ADMIN, self._admin_password))
                between.execute(_with_password(between, "CREATE ROLE {} LOGIN PASSWORD {}", OURS, self._password))
        except psycopg.Error as error:
            raise StartRefused(f"PostgreSQL lets nobody in: {str(refusal).strip()} ({str(error).strip()})") from None

    def _connect(self, user: str, password: str, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=self._sockets, user=user, password=password, dbname=database, connect_timeout=10, autocommit=True
        )


def _with_password(connection: psycopg.Connection, statement: str, role: str, password: str) -> sql.Composed:
    """*statement* about *role*, its password as PostgreSQL keeps it: the server never sees the word itself."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    return sql.SQL(statement).format(sql.Identifier(role), sql.Literal(verifier))
