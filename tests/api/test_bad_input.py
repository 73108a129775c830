"""Nothing that a caller sends is a 500; every refusal is in the dialect's shape and names what is wrong."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import OperationalError, connection
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.errors import DomainError, InvalidInput, UnparsableBody
from aiops.kernel.payload import MAX_BYTES, read_object
from incidents.models import Incident
from incidents.response.api.v1.views import Resolve
from tests.api.conftest import Answer, Caller, signed_in
from tests.factories import make_incident, make_user

COMMANDS = {
    "v1": "/api/v1/incidents/{ref}/resolve",
    "client": "/incidents/{ref}/notes",
    "dashboard": "/api/alerts/incidents/{ref}/notes",
}
INVALID = {"v1": 400, "client": 422, "dashboard": 400}
FIELD = {"v1": "resolution", "client": "content", "dashboard": "content"}


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def callers(operator: Caller, workspace: Workspace) -> dict[str, Caller]:
    return {"v1": operator, "client": operator, "dashboard": signed_in(make_user("", workspace, Role.OPERATOR))}


def message(dialect: str, answer: Answer) -> str:
    body = answer.body
    return {
        "v1": lambda: body["error"]["message"],
        "client": lambda: body["detail"],
        "dashboard": lambda: body["error"],
    }[dialect]()


@pytest.mark.django_db
@pytest.mark.parametrize("dialect", COMMANDS)
@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (b"{", 400, "not valid JSON"),
        (b"resolution=fixed", 400, "not valid JSON"),
        (b'{"a": NaN}', 400, "not valid JSON"),
        (b"\xff\xfe{}", 400, "not valid JSON"),
        (b"[1]", 400, "an array"),
        (b'"text"', 400, "a string"),
        (b"null", 400, "null"),
        (b"true", 400, "a boolean"),
        (b"7", 400, "a number"),
        (b"[" * 3000 + b"]" * 3000, 400, "not valid JSON"),
        (b'{"a": "' + b"x" * MAX_BYTES + b'"}', 413, "larger than"),
    ],
)
def test_bodies_that_are_none(
    callers: dict[str, Caller], incident: Incident, dialect: str, raw: bytes, status: int, said: str
) -> None:
    answer = callers[dialect].post(COMMANDS[dialect].format(ref=incident.name), raw)
    assert answer.status == status
    assert said in message(dialect, answer)


@pytest.mark.django_db
@pytest.mark.parametrize("dialect", COMMANDS)
@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800", r"\udc00 "])
def test_texts_that_no_database_keeps(
    callers: dict[str, Caller], incident: Incident, dialect: str, escape: str
) -> None:
    raw = f'{{"{FIELD[dialect]}": "a{escape}b"}}'.encode()
    answer = callers[dialect].post(COMMANDS[dialect].format(ref=incident.name), raw)
    assert answer.status == INVALID[dialect]
    assert FIELD[dialect] in message(dialect, answer)


@pytest.mark.django_db
@pytest.mark.parametrize("dialect", COMMANDS)
@pytest.mark.parametrize("value", [{"a": 1}, ["a"], True, "x" * 20_001])
def test_fields_of_the_wrong_kind(callers: dict[str, Caller], incident: Incident, dialect: str, value: Any) -> None:
    answer = callers[dialect].post(COMMANDS[dialect].format(ref=incident.name), {FIELD[dialect]: value})
    assert answer.status == INVALID[dialect]
    assert FIELD[dialect] in message(dialect, answer)
    assert Incident.objects.get().status == "open"


@pytest.mark.django_db
@pytest.mark.parametrize("dialect", COMMANDS)
def test_the_content_type_is_not_asked_for(callers: dict[str, Caller], incident: Incident, dialect: str) -> None:
    caller, raw = callers[dialect], json.dumps({FIELD[dialect]: "x"})
    for content_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        headers = caller.headers
        path = COMMANDS[dialect].format(ref=make_incident(incident.workspace).name)
        assert caller.client.generic("POST", path, raw, content_type, headers=headers).status_code == 200, content_type


@pytest.mark.django_db
def test_a_form_with_parts_is_refused_in_shape(callers: dict[str, Caller], incident: Incident) -> None:
    for dialect, caller in callers.items():
        path = COMMANDS[dialect].format(ref=incident.name)
        answer = Answer(caller.client.post(path, {FIELD[dialect]: "x"}, headers=caller.headers))
        assert answer.status == 400
        assert "JSON" in message(dialect, answer)


@pytest.mark.django_db
def test_what_a_client_accepts_is_json_anyway(operator: Caller, incident: Incident) -> None:
    for accept in ("text/html", "application/xml", "image/png", "nonsense"):
        answer = operator.get("/incidents?format=xml", Accept=accept)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.django_db
def test_a_bug_of_ours_is_answered_in_shape_and_told(
    callers: dict[str, Caller], incident: Incident, caplog: pytest.LogCaptureFixture
) -> None:
    Incident.objects.update(severity=99)  # no such severity: something broke
    reads = {
        "v1": "/api/v1/incidents",
        "client": "/incidents",
        "dashboard": "/api/alerts/incidents",
    }
    for dialect, path in reads.items():
        caller = callers[dialect]
        with pytest.raises(KeyError):
            caller.get(path)
        caller.client.raise_request_exception = False
        answer = caller.get(path)
        assert (answer.status, message(dialect, answer)) == (500, "Internal server error")
        assert f"unhandled error in GET {path}" in caplog.text
        caller.client.raise_request_exception = True


@pytest.mark.django_db
def test_while_the_database_is_away_callers_are_asked_to_come_again(
    callers: dict[str, Caller], incident: Incident
) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    callers["v1"].get("/incidents")  # the key is known from before
    for dialect, caller in callers.items():
        with connection.execute_wrapper(gone):
            answer = caller.post(COMMANDS[dialect].format(ref=incident.name), {FIELD[dialect]: "x"})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "database" in message(dialect, answer)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\0", "\ud800", "1h", "open"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "resolution",
        "content",
        "duration",
        "minutes",
        "until",
        "by",
        "acknowledgedBy",
        "message",
        "reason",
        "status",
        "x",
    ]
)


@pytest.mark.django_db
@settings(max_examples=60)
@given(
    body=st.dictionaries(FIELDS, JSON, max_size=4), verb=st.sampled_from(["acknowledge", "snooze", "resolve", "notes"])
)
def test_no_body_is_a_500(operator: Caller, incident: Incident, body: dict[str, Any], verb: str) -> None:
    for root in ("/api/v1/incidents", "/incidents"):
        answer = Answer(
            operator.client.generic(
                "POST", f"{root}/{incident.name}/{verb}", json.dumps(body), "application/json", headers=operator.headers
            )
        )
        assert answer.status in (200, 400, 404, 409, 422, 429)


@given(raw=st.binary(max_size=40) | st.text(max_size=40).map(str.encode) | JSON.map(json.dumps).map(str.encode))
def test_reading_any_bytes_gives_an_object_or_a_refusal(raw: bytes) -> None:
    try:
        assert isinstance(read_object(raw), dict)
    except DomainError as error:
        assert error.message


@pytest.mark.parametrize("raw", [b"", b"  \n", b"{}"])
def test_an_empty_body_is_no_fields(raw: bytes) -> None:
    assert read_object(raw) == {}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (rb'{"a": {"b": ["x", "\u0000"]}}', "a.b[1]"),
        (rb'{"a": {"b": ["x", "\udfff"]}}', "a.b[1]"),
        (rb'{"a": {"b\u0000": 1}}', "a"),
        (rb'{"a\u0000": 1}', ""),
    ],
)
def test_the_field_of_a_bad_text_is_named(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_object(raw)
    assert refused.value.field == field
    assert not isinstance(refused.value, UnparsableBody)


@pytest.mark.django_db
def test_a_body_without_a_length_is_read(operator: Caller, incident: Incident) -> None:
    """As HTTP/1.1 clients send that stream it, in chunks: the server tells no length."""
    headers = [(name.lower().encode(), value.encode()) for name, value in operator.headers.items()]
    path = f"/api/v1/incidents/{incident.name}/resolve"
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    request = ASGIRequest(scope, io.BytesIO(b'{"resolution": "streamed"}'))
    response = Resolve.as_view()(request, name=incident.name)
    assert response.data["status"]["resolution"] == "streamed"
