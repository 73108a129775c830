"""The SQL statements of ingest: at most three for a wave of any size, prepared on the server.

Each takes its rows as one JSON document: one parameter and one plan for any number of rows.
"""

from __future__ import annotations

from incidents.core.services import timeline
from incidents.core.services.transitions import SET_CLAUSE

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

# Which of these messages were never seen before, by their senders' own names for them?
FIRST_TIME = """
INSERT INTO incidents_seenevent (digest, received_at)
SELECT digest, received_at FROM json_to_recordset(%s::json) AS t(digest uuid, received_at timestamptz) ORDER BY digest
ON CONFLICT DO NOTHING RETURNING encode(uuid_send(digest), 'hex')
"""

# A sender's time later than its arrival can't be true: its clock is ahead, or it is local time without a zone. The arrival stands
# in for it, less what a message may have been on its way and two clocks differ.
CLAMPED = "CASE WHEN {0} > last_seen_at THEN last_seen_at - interval '1 minute' ELSE {0} END"

# Triggers: count on the live incident of the problem, or open one. New ones take the first reserved numbers, so that repeats
# use none up. A repeat that raises the severity brings its words along.
#
# A resolve that overtook its trigger makes the incident begin and end at once: one of at most five minutes ago that ended nothing
# yet, of the same start by the sender's clock, or of an end that lies after this start; that of a later start is kept for its
# `own` trigger. Where one clock of the sender's orders everything (`ordered`), any later resolve says that this is over.
# An end in the future is that of its arrival, unless the trigger's times are in the future as well: then one clock is ahead.
#
# A problem whose incident ended since numbers were reserved has none left for it: it is named 000, and the batch is done again.
#
# `fresh` tells an insert from an update; `raised`, that this statement raised the severity (its own timestamp is the only mark
# that RETURNING can recognise).
TRIGGER = f"""
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS r(
        seq int, workspace_id bigint, dedup_hash uuid, dedup_key text, dedup_strategy text, service_id bigint, source_id bigint,
        title text, description text, severity smallint, priority smallint, source_name text, service_name text, namespace text,
        pod text, deployment text, resource_kind text, resource_name text, signal_type text, labels jsonb, links jsonb,
        metric jsonb, is_system boolean, occurrences int, started_at timestamptz, last_occurred_at timestamptz, ordered boolean,
        created_at timestamptz, last_seen_at timestamptz, name_prefix text, number_base int, number_count int, actor text)
), live AS MATERIALIZED (
    SELECT n.seq, n.dedup_hash, i.title FROM incoming n CROSS JOIN LATERAL (
        SELECT i.title FROM incidents_incident i WHERE i.dedup_hash = n.dedup_hash AND i.status IN {LIVE} LIMIT 1) i
), overtaken AS MATERIALIZED (
    SELECT n.seq, r.id, r.received_at, r.own FROM incoming n CROSS JOIN LATERAL (
        SELECT r.id, r.received_at, coalesce(r.started_at <= n.started_at, true) AS own
        FROM incidents_recentresolve r CROSS JOIN LATERAL (
            SELECT CASE WHEN r.occurred_at > r.received_at AND coalesce(
                             greatest(n.started_at, n.last_occurred_at) <= n.last_seen_at, true)
                        THEN r.received_at ELSE r.occurred_at END AS at) ended
        WHERE r.dedup_hash = n.dedup_hash
          AND (n.ordered OR NOT r.used AND r.received_at > n.created_at - interval '5 minutes')
          AND CASE WHEN n.ordered THEN ended.at >= n.last_occurred_at
                   WHEN r.started_at IS NOT NULL AND n.started_at IS NOT NULL
                   THEN r.started_at = n.started_at OR ended.at > n.started_at
                   ELSE ended.at >= coalesce(n.last_occurred_at, n.started_at) END
        ORDER BY r.started_at = n.started_at DESC NULLS LAST LIMIT 1) r
    WHERE n.seq NOT IN (SELECT seq FROM live)
), taken AS (
    UPDATE incidents_recentresolve SET used = true WHERE id = ANY (ARRAY(SELECT id FROM overtaken WHERE own))
), numbered AS (
    SELECT n.*, o.received_at AS ended_at, row_number() OVER (
        PARTITION BY n.workspace_id, n.name_prefix ORDER BY (n.seq IN (SELECT seq FROM live)), n.seq) AS place
    FROM incoming n LEFT JOIN overtaken o ON o.seq = n.seq
), named AS (
    SELECT *, CASE WHEN place <= number_count THEN number_base - 1 + place ELSE 0 END AS number FROM numbered
), written AS (
INSERT INTO incidents_incident AS i (
    workspace_id, name, dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title, description, severity, priority,
    status, source_name, service_name, namespace, pod, deployment, resource_kind, resource_name, signal_type, labels, links,
    metric, is_system, occurrences, started_at, last_occurred_at, created_at, updated_at, last_seen_at, resolved_at,
    resolved_by)
SELECT workspace_id, name_prefix || CASE WHEN number < 1000 THEN lpad(number::text, 3, '0') ELSE number::text END,
    dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title, description, severity, priority,
    CASE WHEN ended_at IS NULL THEN 'open' ELSE 'resolved' END, source_name, service_name, namespace, pod, deployment,
    resource_kind, resource_name, signal_type, labels, links, metric, is_system, occurrences, {CLAMPED.format("started_at")},
    {CLAMPED.format("last_occurred_at")}, created_at, created_at, last_seen_at,
    CASE WHEN ended_at IS NOT NULL THEN created_at END, CASE WHEN ended_at IS NOT NULL THEN actor ELSE '' END
FROM named ORDER BY seq
ON CONFLICT (dedup_hash) WHERE status IN {LIVE} DO UPDATE SET
    occurrences = i.occurrences + excluded.occurrences,
    severity_raised_at = CASE WHEN excluded.severity > i.severity THEN statement_timestamp() ELSE i.severity_raised_at END,
    severity = greatest(i.severity, excluded.severity),
    title = CASE WHEN excluded.severity > i.severity THEN excluded.title ELSE i.title END,
    description = CASE WHEN excluded.severity > i.severity AND excluded.description <> '' THEN excluded.description
                       ELSE i.description END,
    priority = CASE WHEN excluded.severity > i.severity AND NOT i.priority_by_hand THEN least(i.priority, excluded.priority)
                    ELSE i.priority END,
    started_at = greatest(i.started_at, excluded.started_at),
    last_occurred_at = greatest(i.last_occurred_at, excluded.last_occurred_at),
    last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at),
    updated_at = greatest(i.updated_at, excluded.last_seen_at)
RETURNING i.workspace_id, i.dedup_hash, i.id, i.name, i.status, (i.xmax = 0) AS fresh,
    coalesce(i.severity_raised_at = statement_timestamp(), false) AS raised, i.severity, i.service_id,
    i.suppressed_by, i.snoozed_until, i.escalated_at, i.title
)
SELECT w.workspace_id, encode(uuid_send(w.dedup_hash), 'hex'), w.id, w.name, w.status, w.fresh, w.raised,
    CASE WHEN w.raised AND l.title <> w.title THEN l.title END AS former_title, w.severity, w.service_id, w.suppressed_by,
    w.snoozed_until, w.escalated_at
FROM written w LEFT JOIN live l ON l.dedup_hash = w.dedup_hash
"""  # noqa: S608 - constants of this module

# Acknowledges, their ends, and resolves: move the live incident of the problem, unless the signal is older than what is known of
# it. Senders repeat resolves for minutes, and a new occurrence may have begun since: a resolve of an earlier start belongs to the
# live occurrence only if its end lies after the live start; one without a start, if it is not older than the last trigger. The
# others have an order only where one clock of the sender's stamps everything. What each resolve said is remembered, per start,
# for a trigger that comes late: one of a later start (`early`) ends the live occurrence and, when it comes, its own.
MOVE = f"""
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS r(
        seq int, workspace_id bigint, dedup_hash uuid, action text, starts text[], to_status text, started_at timestamptz,
        occurred_at timestamptz, ordered boolean, at timestamptz, by text)
), found AS MATERIALIZED (
    SELECT n.*, i.id, i.name, i.status AS from_status, i.severity, i.service_id,
        coalesce(n.started_at > i.started_at AND n.started_at <= n.at, false) AS early,
        i.suppressed_by, i.snoozed_until, i.escalated_at,
        CASE WHEN n.action = 'resolve' AND n.started_at IS NOT NULL AND i.started_at IS NOT NULL
             THEN n.started_at < i.started_at AND coalesce(n.occurred_at <= i.started_at, true)
             WHEN n.action = 'resolve' OR n.ordered THEN coalesce(n.occurred_at < i.last_occurred_at, false)
             ELSE false END AS stale
    FROM incoming n CROSS JOIN LATERAL (
        SELECT * FROM incidents_incident i WHERE i.dedup_hash = n.dedup_hash AND i.status IN {LIVE}
        LIMIT 1 FOR NO KEY UPDATE) i
), t AS (
    SELECT id, action, to_status, at, by, false AS by_hand, ''::text AS note, seq,
        CASE WHEN ordered THEN occurred_at END AS ordered_at
    FROM found WHERE NOT stale AND from_status = ANY (starts)
), moved AS (
    UPDATE incidents_incident i SET {SET_CLAUSE}, last_occurred_at = greatest(i.last_occurred_at, t.ordered_at) FROM t
    WHERE i.id = t.id AND i.id = ANY (ARRAY(SELECT id FROM t)) RETURNING t.seq
), remembered AS (
    INSERT INTO incidents_recentresolve AS r (workspace_id, dedup_hash, started_at, occurred_at, received_at, used)
    SELECT n.workspace_id, n.dedup_hash, n.started_at, n.occurred_at, n.at,
        f.seq IS NOT NULL AND NOT f.stale AND NOT f.early
    FROM incoming n LEFT JOIN found f ON f.seq = n.seq
    WHERE n.action = 'resolve'
    ORDER BY n.seq
    ON CONFLICT (dedup_hash, started_at) DO UPDATE SET
        used = excluded.used OR (r.used AND (r.started_at IS NOT NULL
                                             OR r.occurred_at IS NOT DISTINCT FROM excluded.occurred_at)),
        occurred_at = excluded.occurred_at, received_at = excluded.received_at
    WHERE coalesce(excluded.occurred_at >= r.occurred_at, true)
)
SELECT n.seq, f.id, f.name, f.from_status, f.stale, m.seq IS NOT NULL AS moved, f.severity, f.service_id, f.suppressed_by,
    f.snoozed_until, f.escalated_at
FROM incoming n LEFT JOIN found f ON f.seq = n.seq LEFT JOIN moved m ON m.seq = n.seq
"""  # noqa: S608 - constants of this module

# What came and what it told. Raw bodies travel beside the JSON, as bytes: they may hold anything; row by row in step with it.
RECORD = f"""
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
{timeline.INSERT}
"""  # noqa: S608 - constants of modules
