"""The policy in force for a service and a severity: the one rule, as a fragment of SQL that statements embed.

The first of these that is enabled counts: the service's own policy, a policy of the workspace that names the severity
(the oldest first), the workspace's default policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from django.db import connection

from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.escalation.models import EscalationPolicy, PolicyVersion

# To be joined LATERAL to rows f(workspace_id, service_id, severity), with the parameter ``words``. Gives policy_id, version_id.
IN_FORCE = """
SELECT c.policy_id, c.version_id FROM (
    SELECT p.id AS policy_id, p.version_id, 0 AS rank FROM notifications_servicepolicy s
        JOIN notifications_escalationpolicy p ON p.id = s.policy_id AND p.enabled AND p.version_id IS NOT NULL
    WHERE s.service_id = f.service_id
    UNION ALL
    SELECT p.id, p.version_id, CASE WHEN p.is_default THEN 2 ELSE 1 END FROM notifications_escalationpolicy p
    WHERE p.workspace_id = f.workspace_id AND p.enabled AND p.version_id IS NOT NULL
      AND (p.is_default OR p.severities @> (%(words)s::jsonb -> f.severity::text))
) c ORDER BY c.rank, c.policy_id LIMIT 1
"""
WORDS = orjson.dumps({str(severity.value): [severity.word] for severity in Severity}).decode()

_ASK = f"""SELECT f.key, p.policy_id, p.version_id
FROM json_to_recordset(%(facts)s::json) AS f(key bigint, workspace_id bigint, service_id bigint, severity int)
CROSS JOIN LATERAL ({IN_FORCE}) p
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Question:
    """Whose policy is asked for. *key* names the answer; *severity* None: of no particular severity."""

    key: int
    workspace_id: int
    service_id: int
    severity: Severity | None


def ask(questions: Iterable[Question]) -> dict[int, tuple[int, int]]:
    """Per key the policy and its newest version; a key without a policy in force is missing. One statement."""
    facts = [
        {"key": q.key, "workspace_id": q.workspace_id, "service_id": q.service_id, "severity": q.severity or 0}
        for q in questions
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ASK, {"facts": orjson.dumps(facts).decode(), "words": WORDS})
        return {key: (policy_id, version_id) for key, policy_id, version_id in cursor.fetchall()}


def versions(ids: Iterable[int]) -> dict[int, PolicyVersion]:
    """Versions by key, each with its policy."""
    return PolicyVersion.objects.select_related("policy").in_bulk(list(ids))


def policies_of(services: Iterable[Service], severity: Severity | None) -> dict[int, EscalationPolicy]:
    """The policy in force per service (by key), with its newest version."""
    found = ask(Question(row.pk, row.workspace_id, row.pk, severity) for row in services)
    policies = EscalationPolicy.objects.select_related("version").in_bulk([policy for policy, _ in found.values()])
    return {key: policies[policy_id] for key, (policy_id, _) in found.items() if policy_id in policies}
