-- One alert as one durable transaction: insert it, count it on its incident. What PostgreSQL can do one by one.
\set i random(1, 1000)
BEGIN;
INSERT INTO b_alert (incident_id, payload) VALUES (:i, '{"alertname":"HttpServerError","service":"checkout"}');
UPDATE b_incident SET n = n + 1, last_at = now() WHERE id = :i;
END;
