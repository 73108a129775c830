"""Making and revoking keys, and noting their use."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Actor, Role
from aiops.access.models import ApiKey, Workspace
from aiops.access.services.keys import create_key, flush_uses, note_use, revoke_key
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from tests.factories import NOW, actor, make_workspace, minutes

pytestmark = pytest.mark.django_db


def make(workspace: Workspace | None, by: Actor = SYSTEM, **fields: object) -> tuple[ApiKey, str]:
    given = {"name": "ci", "role": Role.OPERATOR, "now": NOW} | fields
    return create_key(actor=by, workspace=workspace, **given)


def test_only_the_fingerprint_of_a_key_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key, raw = make(make_workspace())
    stored = ApiKey.objects.values().get(pk=key.pk)
    assert raw.startswith("ak_")
    assert len(raw) == 35
    assert stored["digest"] == secrets.digest(raw)
    assert stored["prefix"] == raw[:9]
    assert raw not in str(stored) + caplog.text + str(key)


def test_two_keys_differ() -> None:
    workspace = make_workspace()
    assert make(workspace)[1] != make(workspace)[1]


def test_who_makes_and_revokes_keys_is_an_admin_of_the_workspace() -> None:
    workspace, other = make_workspace(), make_workspace()
    key, _ = make(workspace, by=actor(workspace, Role.ADMIN))
    for stranger in (actor(workspace, Role.OPERATOR), actor(other, Role.ADMIN)):
        with pytest.raises(NotPermitted):
            make(workspace, by=stranger)
        with pytest.raises(NotPermitted):
            revoke_key(actor=stranger, key_id=key.pk, now=NOW)
    assert revoke_key(actor=actor(workspace, Role.ADMIN), key_id=key.pk, now=NOW).revoked_at == NOW


def test_a_key_of_all_workspaces_takes_an_admin_of_all() -> None:
    workspace = make_workspace()
    with pytest.raises(NotPermitted):
        make(None, by=actor(workspace, Role.ADMIN))
    key, _ = make(None)
    with pytest.raises(NotPermitted):
        revoke_key(actor=actor(workspace, Role.ADMIN), key_id=key.pk, now=NOW)


def test_bad_input_names_the_field() -> None:
    for fields, name in (({"name": "  "}, "name"), ({"expires_at": NOW}, "expires_at")):
        with pytest.raises(InvalidInput) as refused:
            make(None, **fields)
        assert refused.value.field == name
    with pytest.raises(NotFound):
        revoke_key(actor=SYSTEM, key_id=0, now=NOW)


def test_a_second_revocation_keeps_the_first_ones_time() -> None:
    key, _ = make(None)
    revoke_key(actor=SYSTEM, key_id=key.pk, now=NOW)
    assert revoke_key(actor=SYSTEM, key_id=key.pk, now=NOW + minutes(5)).revoked_at == NOW


@pytest.mark.django_db(transaction=True)
def test_in_this_process_both_hold_with_the_commit() -> None:
    key, raw = make(None)
    assert keyring.find(raw, NOW) == Actor("api_key", str(key.pk), "ci", everywhere=Role.OPERATOR)
    revoke_key(actor=SYSTEM, key_id=key.pk, now=NOW)
    assert keyring.find(raw, NOW) is None


class TestUse:
    def test_it_is_written_at_most_once_a_minute(self) -> None:
        key, _ = make(None)
        written = []
        for seconds in (0, 1, 30, 59, 61, 90, 130):
            now = NOW + timedelta(seconds=seconds)
            note_use(str(key.pk), now)
            written.append(flush_uses(now))
        assert written == [1, 0, 0, 0, 1, 0, 1]
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=130)

    def test_any_number_of_uses_is_one_statement_and_none_is_none(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for key, _ in (make(None) for _ in range(5)):
            note_use(str(key.pk), NOW)
            note_use(str(key.pk), NOW)
        with django_assert_num_queries(1):
            assert flush_uses(NOW) == 5
        with django_assert_num_queries(0):
            assert flush_uses(NOW) == 0

    def test_keys_without_a_row_are_skipped(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        note_use("env:admin-0123abcd", NOW)
        note_use("dev", NOW)
        with django_assert_num_queries(0):
            assert flush_uses(NOW) == 0
