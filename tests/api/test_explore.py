from __future__ import annotations
import json
import pytest
from tests.factories import make_incident, make_user
from tests.api.conftest import signed_in
from aiops.access.actors import Role
pytestmark = pytest.mark.django_db

def show(title, a):
    print("\n==", title, a.status, {k:v for k,v in a.headers.items() if k.startswith("X-Rate") or k in ("Allow","WWW-Authenticate","Retry-After","Content-Type")}); print(json.dumps(a.body, indent=1))

def test_look(operator, workspace):
    incident = make_incident(workspace, namespace="production", resource_kind="Deployment", resource_name="payment-service", deployment="payment-service", signal_type="oom_kill", metric={"rule_id":"rule_xyz","rule_name":"High Error Rate","threshold":5,"actual_value":12.3})
    n=incident.name; i=incident.public_id
    show("v1 list", operator.get("/api/v1/incidents"))
    show("v1 get", operator.get(f"/api/v1/incidents/{n}"))
    show("v1 ack", operator.post(f"/api/v1/incidents/{n}/acknowledge", {"acknowledgedBy":"alice","message":"on it"}))
    show("v1 ack2", operator.post(f"/api/v1/incidents/{n}/acknowledge/"))
    show("v1 snooze", operator.post(f"/api/v1/incidents/{n}/snooze", {"duration":"2h30m","reason":"deploy"}))
    show("v1 unsnooze", operator.post(f"/api/v1/incidents/{n}/unsnooze"))
    show("client detail", operator.get(f"/incidents/{i}"))
    show("v1 resolve", operator.post(f"/api/v1/incidents/{n}/resolve", {"resolution":"fixed"}))
    show("v1 resolve2", operator.post(f"/api/v1/incidents/{n}/resolve", {"resolution":"fixed"}))
    show("v1 404", operator.post("/api/v1/incidents/INC-20260319-999/resolve?namespace=production"))
    show("v1 404", operator.post("/api/v1/incidents/foo/resolve"))
    show("v1 405", operator.get(f"/api/v1/incidents/{n}/resolve"))
    show("v1 404", operator.get(f"/api/v1/nothing"))
    show("v1 timeline", operator.get(f"/api/v1/incidents/{n}/timeline"))
    show("v1 remediation", operator.get(f"/api/v1/incidents/{n}/remediation"))
    operator.headers.clear()
    show("v1 401", operator.get(f"/api/v1/nothing"))
    u = signed_in(make_user("admin", workspace, Role.ADMIN))
    show("dash list", u.get("/api/alerts/incidents"))
    show("dash patch", u.patch(f"/api/alerts/incidents/{i}", {"status":"investigating"}))
    show("dash patch", u.patch(f"/api/alerts/incidents/{i}", {"status":"open"}))
    show("dash note", u.post(f"/api/alerts/incidents/{i}/notes", {"content":" hello "}))
    show("dash note", u.post(f"/api/alerts/incidents/{i}/notes", {"content":" "}))
    show("dash", u.patch(f"/api/alerts/incidents/{i}", {"status":"x"}))
    show("dash", u.patch(f"/api/alerts/incidents/{i}", {}))
    show("client timeline", u.get(f"/incidents/{i}/timeline"))
