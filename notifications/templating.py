"""Pure: what messages say. Ours go through the same sandbox as those that a workspace writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notifications import sandbox
from notifications.choices import Purpose

LONGEST_SUBJECT = 300  # characters
LONGEST_SHORT = 160  # what fits a text message


@dataclass(frozen=True, slots=True)
class Words:
    """The templates of one purpose: a line, the whole, and what fits a text message."""

    subject: str
    body: str
    short: str


_FACTS = """\
{{ incident.title }}
{% if incident.where %}Where: {{ incident.where }}
{% endif %}Service: {{ incident.service }}
Severity: {{ incident.severity }}, {{ incident.priority }}
Since: {{ incident.created_at | at }} ({{ age }}){% if incident.occurrences > 1 %}, {{ incident.occurrences }} times{% endif %}
{% if incident.description %}
{{ incident.description | truncate(1500, true, "…") }}
{% endif %}{% if incident.runbook_url %}Runbook: {{ incident.runbook_url }}
{% endif %}"""

BUILT_IN: dict[Purpose, Words] = {
    Purpose.PAGE: Words(
        "[{{ incident.severity | upper }}] {{ incident.name }} {{ incident.title }}",
        _FACTS
        + """{% if level %}{{ level }}. {% endif %}{% if next_step %}If nobody answers: {{ next_step }}.
{% endif %}{{ incident.url }}""",
        "{{ incident.severity | upper }} {{ incident.name }} {{ incident.title }} ({{ incident.service }})",
    ),
    Purpose.ANNOUNCE: Words(
        "[{{ incident.severity | upper }}] {{ incident.name }} {{ incident.title }}",
        _FACTS + "{{ incident.url }}",
        "{{ incident.severity | upper }} {{ incident.name }} {{ incident.title }} ({{ incident.service }})",
    ),
    Purpose.STAND_DOWN: Words(
        "{% if event == 'acknowledge' %}Acknowledged{% else %}Stand down{% endif %}: {{ incident.name }} {{ incident.title }}",
        """\
{% if event == 'acknowledge' %}{{ incident.acknowledged_by or "Somebody" }} has it.
{% else %}It is over: {{ incident.status }}{% if incident.resolved_by %} by {{ incident.resolved_by }}{% endif %}.
{% if incident.resolution %}{{ incident.resolution }}
{% endif %}{% endif %}{{ incident.url }}""",
        "{% if event == 'acknowledge' %}{{ incident.acknowledged_by or 'Somebody' }} has{% else %}Stand down:{% endif %} "
        "{{ incident.name }} {{ incident.title }}",
    ),
    Purpose.FALLBACK: Words(
        "Nobody answered: [{{ incident.severity | upper }}] {{ incident.name }} {{ incident.title }}",
        "The escalation policy has run out, and nobody has this incident.\n" + _FACTS + "{{ incident.url }}",
        "NOBODY ANSWERED {{ incident.severity | upper }} {{ incident.name }} {{ incident.title }}",
    ),
    Purpose.PROOF: Words(
        "Proof of paging {{ incident.name }}", "{{ incident.title }}", "Proof of paging {{ incident.name }}"
    ),
    Purpose.VERIFY: Words(
        "Your code is {{ code }}",
        "Your code is {{ code }}. Enter it in the console to have pages sent here. It is good for ten minutes.",
        "aiops: your code is {{ code }}",
    ),
    Purpose.TEST: Words(
        "Test: {{ text }}",
        "This is a test{% if who %} by {{ who }}{% endif %}: {{ text }}",
        "aiops test: {{ text }}",
    ),
    Purpose.OWNER_NOTICE: Words("{{ subject }}", "{{ text }}{% if url %}\n{{ url }}{% endif %}", "{{ subject }}"),
}
DIGEST = Words(
    "{{ count }} incidents: {{ incident.name }} {{ incident.title }} and {{ count - 1 }} more",
    """\
{% for each in incidents %}[{{ each.severity | upper }}] {{ each.name }} {{ each.title }} ({{ each.service }}, {{ each.status }})
{{ each.url }}
{% endfor %}{% if count > incidents | length %}… and {{ count - incidents | length }} more.
{% endif %}""",
    "{{ count }} incidents: {{ incident.name }} {{ incident.title }} and {{ count - 1 }} more",
)


def age_in_words(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says something: ``3 min ago``."""
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def one_line(text: str) -> str:
    """*text* on one line: subjects become headers."""
    return " ".join(text.split())


def check(subject: str, body: str) -> None:
    """Raises :class:`InvalidInput` naming what can't be read."""
    sandbox.check(subject, "subject")
    sandbox.check(body, "body")
