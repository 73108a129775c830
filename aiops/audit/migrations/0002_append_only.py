from __future__ import annotations

from django.db import migrations

# Each event gets a blank seal with it, by whatever way it comes in, so that the chainer finds what is not sealed yet.
# Neither events nor filled seals are changed or removed: what retention removes one day, it removes as the tables' owner does.
FORWARD = """
CREATE FUNCTION audit_add_seals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_auditseal (event_id) SELECT id FROM fresh;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_event_sealed AFTER INSERT ON audit_auditevent
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit_add_seals();
CREATE TRIGGER audit_event_stays BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_seal_stays BEFORE DELETE ON audit_auditseal
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_seal_fills_once BEFORE UPDATE ON audit_auditseal
    FOR EACH ROW WHEN (OLD.position IS NOT NULL) EXECUTE FUNCTION audit_refuse();
"""

BACKWARD = """
DROP TRIGGER audit_event_sealed ON audit_auditevent;
DROP TRIGGER audit_event_stays ON audit_auditevent;
DROP TRIGGER audit_seal_stays ON audit_auditseal;
DROP TRIGGER audit_seal_fills_once ON audit_auditseal;
DROP FUNCTION audit_add_seals();
DROP FUNCTION audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
