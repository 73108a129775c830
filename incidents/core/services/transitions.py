"""The one writer of ``Incident.status`` and of the columns that change with it, as an SQL clause.

A relation ``t(id, action, to_status, at, by, by_hand, note)`` names the incidents; ``lifecycle`` has decided before
that they may move. Ingest and the services of people share the clause.
"""

from __future__ import annotations

# Reopening starts a new episode: the times of the old one live on in the timeline.
SET_CLAUSE = """
    status = t.to_status,
    updated_at = t.at,
    acknowledged_at = CASE t.to_status
        WHEN 'acknowledged' THEN t.at WHEN 'investigating' THEN coalesce(i.acknowledged_at, t.at)
        WHEN 'open' THEN NULL ELSE i.acknowledged_at END,
    acknowledged_by = CASE
        WHEN t.to_status = 'acknowledged' OR (t.to_status = 'investigating' AND i.acknowledged_at IS NULL) THEN t.by
        WHEN t.to_status = 'open' THEN '' ELSE i.acknowledged_by END,
    acknowledge_message = CASE t.to_status
        WHEN 'acknowledged' THEN t.note WHEN 'open' THEN '' ELSE i.acknowledge_message END,
    resolved_at = CASE t.to_status
        WHEN 'resolved' THEN t.at WHEN 'closed' THEN coalesce(i.resolved_at, t.at) WHEN 'open' THEN NULL ELSE i.resolved_at END,
    resolved_by = CASE
        WHEN t.to_status = 'resolved' OR (t.to_status = 'closed' AND i.resolved_at IS NULL) THEN t.by
        WHEN t.to_status = 'open' THEN '' ELSE i.resolved_by END,
    resolved_by_hand = CASE
        WHEN t.to_status = 'resolved' OR (t.to_status = 'closed' AND i.resolved_at IS NULL) THEN t.by_hand
        WHEN t.to_status = 'open' THEN false ELSE i.resolved_by_hand END,
    resolution = CASE t.to_status WHEN 'resolved' THEN t.note WHEN 'open' THEN '' ELSE i.resolution END,
    closed_at = CASE t.to_status WHEN 'closed' THEN t.at WHEN 'open' THEN NULL ELSE i.closed_at END,
    snoozed_until = CASE WHEN t.to_status IN ('resolved', 'closed') THEN NULL ELSE i.snoozed_until END,
    escalated_at = CASE WHEN t.action = 'reopen' THEN NULL ELSE i.escalated_at END,
    episode = i.episode + (t.action = 'reopen')::int
"""

MOVE = f"""
UPDATE incidents_incident i SET {SET_CLAUSE}
FROM jsonb_to_recordset(%s::jsonb) AS t(
    id bigint, action text, to_status text, at timestamptz, by text, by_hand boolean, note text)
WHERE i.id = t.id
"""  # noqa: S608 - both parts are constants of this module
