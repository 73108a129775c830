"""The SQL of ingest: at most three statements for a wave of any size. Raw, set-based, server-side prepared.

Each takes its rows as one JSON document: to PostgreSQL that is one parameter and one plan for any number of rows.
"""

from __future__ import annotations

from incidents.services.transitions import SET_CLAUSE

# Plans are cached, and a table may grow from nothing to millions between two ANALYZE. So every look-up is written as a probe per
# row (LATERAL … LIMIT 1, = ANY(ARRAY(…))), which no join order can turn into a scan, and scans are not to be had at all.
# The parameter: whether for this transaction only.
BY_INDEX = """
SELECT set_config('enable_seqscan', 'off', l), set_config('enable_bitmapscan', 'off', l) FROM (SELECT %s::boolean AS l) t
"""

LIVE = "('open', 'acknowledged', 'investigating')"

# Retries and replays only: which of these arrivals are stored already?
SEEN = """
SELECT a.id, a.result, a.incident_id, i.name, i.status
FROM json_to_recordset(%s::json) AS t(id uuid, received_at timestamptz)
JOIN incidents_alert a ON a.id = t.id AND a.received_at = t.received_at
LEFT JOIN incidents_incident i ON i.id = a.incident_id
"""

# Triggers: count on the live incident of the problem, or open one. New ones take the first reserved numbers, so that repeats
# use none up. A resolve that overtook its trigger (same start by the sender's clock, or not older; at most five minutes ago; not
# used before) makes the incident begin and end at once. `fresh` tells an insert from an update; `raised`, that this statement
# raised the severity (its own timestamp is the only mark that RETURNING can recognise).
TRIGGER = f"""
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS r(
        seq int, workspace_id bigint, dedup_hash uuid, dedup_key text, dedup_strategy text, service_id bigint, source_id bigint,
        title text, description text, severity smallint, priority smallint, source_name text, service_name text, namespace text,
        pod text, deployment text, resource_kind text, resource_name text, signal_type text, labels jsonb, links jsonb,
        metric jsonb, occurrences int, started_at timestamptz, last_occurred_at timestamptz, created_at timestamptz,
        last_seen_at timestamptz, name_prefix text, number_base int, actor text)
), live AS MATERIALIZED (
    SELECT n.seq FROM incoming n CROSS JOIN LATERAL (
        SELECT FROM incidents_incident i WHERE i.dedup_hash = n.dedup_hash AND i.status IN {LIVE} LIMIT 1) i
), overtaken AS MATERIALIZED (
    SELECT n.seq, r.id, r.received_at FROM incoming n CROSS JOIN LATERAL (
        SELECT r.id, r.received_at FROM incidents_recentresolve r
        WHERE r.dedup_hash = n.dedup_hash AND NOT r.used AND r.received_at > n.created_at - interval '5 minutes'
          AND CASE WHEN r.started_at IS NULL AND n.started_at IS NULL
                   THEN r.occurred_at >= n.last_occurred_at ELSE r.started_at = n.started_at END
        LIMIT 1) r
    WHERE n.seq NOT IN (SELECT seq FROM live)
), taken AS (
    UPDATE incidents_recentresolve SET used = true WHERE id = ANY (ARRAY(SELECT id FROM overtaken))
), numbered AS (
    SELECT n.*, o.received_at AS ended_at, n.number_base - 1 + row_number() OVER (
        PARTITION BY n.workspace_id, n.name_prefix ORDER BY (n.seq IN (SELECT seq FROM live)), n.seq) AS number
    FROM incoming n LEFT JOIN overtaken o ON o.seq = n.seq
)
INSERT INTO incidents_incident AS i (
    workspace_id, name, dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title, description, severity, priority,
    status, source_name, service_name, namespace, pod, deployment, resource_kind, resource_name, signal_type, labels, links,
    metric, occurrences, started_at, last_occurred_at, created_at, updated_at, last_seen_at, resolved_at, resolved_by)
SELECT workspace_id, name_prefix || CASE WHEN number < 1000 THEN lpad(number::text, 3, '0') ELSE number::text END,
    dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title, description, severity, priority,
    CASE WHEN ended_at IS NULL THEN 'open' ELSE 'resolved' END, source_name, service_name, namespace, pod, deployment,
    resource_kind, resource_name, signal_type, labels, links, metric, occurrences, started_at, last_occurred_at, created_at,
    created_at, last_seen_at, CASE WHEN ended_at IS NOT NULL THEN created_at END,
    CASE WHEN ended_at IS NOT NULL THEN actor ELSE '' END
FROM numbered ORDER BY seq
ON CONFLICT (dedup_hash) WHERE status IN {LIVE} DO UPDATE SET
    occurrences = i.occurrences + excluded.occurrences,
    severity_raised_at = CASE WHEN excluded.severity > i.severity THEN statement_timestamp() ELSE i.severity_raised_at END,
    severity = greatest(i.severity, excluded.severity),
    started_at = greatest(i.started_at, excluded.started_at),
    last_occurred_at = greatest(i.last_occurred_at, excluded.last_occurred_at),
    last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at),
    updated_at = greatest(i.updated_at, excluded.last_seen_at)
RETURNING i.workspace_id, encode(uuid_send(i.dedup_hash), 'hex'), i.id, i.name, i.status, (i.xmax = 0) AS fresh,
    coalesce(i.severity_raised_at = statement_timestamp(), false) AS raised, i.severity, i.service_id,
    i.suppressed_by, i.snoozed_until, i.escalated_at
"""  # noqa: S608 - constants of this module

# Acknowledges and resolves: move the live incident of the problem, unless the signal is about an older occurrence than the live
# one (senders repeat resolves for minutes, and a new occurrence may have begun since). What each resolve said is remembered for
# a trigger that comes late.
MOVE = f"""
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS r(
        seq int, workspace_id bigint, dedup_hash uuid, action text, starts text[], to_status text, started_at timestamptz,
        occurred_at timestamptz, at timestamptz, by text)
), found AS MATERIALIZED (
    SELECT n.*, i.id, i.name, i.status AS from_status, i.severity, i.service_id,
        i.suppressed_by, i.snoozed_until, i.escalated_at,
        CASE WHEN n.started_at IS NOT NULL AND i.started_at IS NOT NULL THEN n.started_at < i.started_at
             ELSE coalesce(n.occurred_at < i.last_occurred_at, false) END AND n.action = 'resolve' AS stale
    FROM incoming n CROSS JOIN LATERAL (
        SELECT * FROM incidents_incident i WHERE i.dedup_hash = n.dedup_hash AND i.status IN {LIVE}
        LIMIT 1 FOR NO KEY UPDATE) i
), t AS (
    SELECT id, action, to_status, at, by, false AS by_hand, ''::text AS note, seq
    FROM found WHERE NOT stale AND from_status = ANY (starts)
), moved AS (
    UPDATE incidents_incident i SET {SET_CLAUSE} FROM t
    WHERE i.id = t.id AND i.id = ANY (ARRAY(SELECT id FROM t)) RETURNING t.seq
), remembered AS (
    INSERT INTO incidents_recentresolve AS r (workspace_id, dedup_hash, started_at, occurred_at, received_at, used)
    SELECT n.workspace_id, n.dedup_hash, n.started_at, n.occurred_at, n.at, f.seq IS NOT NULL
    FROM incoming n LEFT JOIN found f ON f.seq = n.seq
    WHERE n.action = 'resolve' AND f.stale IS NOT TRUE
    ORDER BY n.seq
    ON CONFLICT (dedup_hash) DO UPDATE SET
        used = excluded.used OR (r.used AND r.started_at IS NOT DISTINCT FROM excluded.started_at
                                        AND r.occurred_at IS NOT DISTINCT FROM excluded.occurred_at),
        started_at = excluded.started_at, occurred_at = excluded.occurred_at, received_at = excluded.received_at
    WHERE coalesce(excluded.started_at >= r.started_at, true) AND coalesce(excluded.occurred_at >= r.occurred_at, true)
)
SELECT n.seq, f.id, f.name, f.from_status, f.stale, m.seq IS NOT NULL AS moved, f.severity, f.service_id, f.suppressed_by,
    f.snoozed_until, f.escalated_at
FROM incoming n LEFT JOIN found f ON f.seq = n.seq LEFT JOIN moved m ON m.seq = n.seq
"""  # noqa: S608 - constants of this module

# What came and what it told. Raw bodies travel beside the JSON, as bytes: they may hold anything; row by row in step with it.
RECORD = """
WITH stored AS (
    INSERT INTO incidents_alert (id, received_at, workspace_id, source_id, service_id, incident_id, action, result, dedup_key,
                                 title, severity, started_at, occurred_at, trace, raw)
    SELECT * FROM ROWS FROM (
        json_to_recordset(%s::json) AS (
            id uuid, received_at timestamptz, workspace_id bigint, source_id bigint, service_id bigint, incident_id bigint,
            action text, result text, dedup_key text, title text, severity smallint, started_at timestamptz,
            occurred_at timestamptz, trace jsonb),
        unnest(%b::bytea[]))
    ON CONFLICT DO NOTHING
)
INSERT INTO incidents_timelineentry (incident_id, at, kind, actor_kind, actor_id, actor_label, from_status, to_status, data)
SELECT incident_id, at, kind, actor_kind, actor_id, actor_label, from_status, to_status, data
FROM json_to_recordset(%s::json) AS t(
    incident_id bigint, at timestamptz, kind text, actor_kind text, actor_id text, actor_label text, from_status text,
    to_status text, data jsonb)
"""
