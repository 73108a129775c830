"""Message templates: the texts of each purpose, ours and a workspace's, filled in the sandbox. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from notifications.channels import sandbox
from notifications.choices import NO_POLICY, NO_STEP, UNREACHED, Purpose

LONGEST_SUBJECT = 300  # characters
LONGEST_SHORT = 160  # what fits a text message
LONGEST_SPOKEN = 600  # half a minute of a voice


@dataclass(frozen=True, slots=True)
class Words:
    """The templates of one purpose: a line, the whole, what fits a text message, and what a call says: the title before names."""

    subject: str
    body: str
    short: str
    spoken: str


_FACTS = """\
{{ incident.title }}
{% if incident.where %}Where: {{ incident.where }}
{% endif %}Service: {{ incident.service }}
Severity: {{ incident.severity }}, {{ incident.priority }}
Since: {{ incident.created_at | at }} ({{ age }}){% if incident.occurrences > 1 %}, {{ incident.occurrences }} times{% endif %}
{% if incident.description %}
{{ incident.description | truncate(1500, true, "...") }}
{% endif %}{% if incident.runbook_url %}Runbook: {{ incident.runbook_url }}
{% endif %}"""
_LINE = "[{{ incident.severity | upper }}] {{ incident.name }} {{ incident.title }}"
_SHORT = "{{ incident.severity | upper }} {{ incident.name }} {{ incident.title }} ({{ incident.service }})"
_SPOKEN = (
    "{{ incident.severity | capitalize }}. {{ incident.title }}. Service {{ incident.service }}. "
    "Incident {{ incident.name }}."
)

# What a message to the fallback begins with: nobody answered, nobody could be asked, or nobody was.
_END = f"""\
{{% if reason == "{UNREACHED}" %}}Nobody could be reached\
{{% elif reason == "{NO_STEP}" or reason == "{NO_POLICY}" %}}Nobody is told\
{{% else %}}Nobody answered{{% endif %}}"""
_SHOUTED = re.sub("(?<=})Nobody[a-z ]+", lambda words: words[0].upper(), _END)

BUILT_IN: dict[Purpose, Words] = {
    Purpose.PAGE: Words(
        _LINE,
        _FACTS
        + """{% if level %}Level: {{ level }}
{% endif %}{% if next_step %}{{ next_step }}
{% endif %}{{ incident.url }}""",
        _SHORT,
        _SPOKEN,
    ),
    Purpose.ANNOUNCE: Words(_LINE, _FACTS + "{{ incident.url }}", _SHORT, _SPOKEN),
    Purpose.ASSIGNED: Words(
        "Assigned to you: " + _LINE,
        """\
{{ who or "Somebody" }} assigned this incident to you. {% if incident.acknowledged_by %}It is {{ incident.status }}, \
acknowledged by {{ incident.acknowledged_by }}.{% else %}It is {{ incident.status }}.{% endif %}
"""
        + _FACTS
        + "{{ incident.url }}",
        "Assigned to you by {{ who or 'somebody' }}: " + _SHORT,
        "{{ who or 'Somebody' }} assigned an incident to you. " + _SPOKEN,
    ),
    Purpose.STAND_DOWN: Words(
        "{% if event == 'acknowledge' %}Acknowledged{% else %}Stand down{% endif %}: " + _LINE,
        """\
{% if event == 'acknowledge' %}{{ incident.acknowledged_by or "Somebody" }} has it.
{% else %}It is over: {{ incident.status }}{% if incident.resolved_by %} by {{ incident.resolved_by }}{% endif %}.
{% if incident.resolution %}{{ incident.resolution }}
{% endif %}{% endif %}"""
        + _FACTS
        + "{{ incident.url }}",
        "{% if event == 'acknowledge' %}{{ incident.acknowledged_by or 'Somebody' }} has{% else %}Stand down:{% endif %} "
        "{{ incident.name }} {{ incident.title }}",
        "{% if event == 'acknowledge' %}{{ incident.acknowledged_by or 'Somebody' }} has it{% else %}It is over{% endif %}. "
        "{{ incident.title }}. Incident {{ incident.name }}.",
    ),
    Purpose.FALLBACK: Words(
        _END + ": " + _LINE,
        "Nobody has acknowledged this incident{% if reason %}: {{ reason }}{% endif %}. "
        "Nobody else will be paged unless you escalate it.\n" + _FACTS + "{{ incident.url }}",
        _SHOUTED + " {{ incident.severity | upper }} {{ incident.name }} {{ incident.title }}",
        _END + ". " + _SPOKEN,
    ),
    Purpose.VERIFY: Words(
        "Your code is {{ code }}",
        "Your code is {{ code }}. Enter it in the console to have pages sent here. It is good for ten minutes.",
        "aiops: your code is {{ code }}",
        "Your code is {{ code }}.",
    ),
    Purpose.TEST: Words(
        "Test: {{ text }}",
        "This is a test{% if who %} by {{ who }}{% endif %}: {{ text }}",
        "aiops test: {{ text }}",
        "This is a test: {{ text }}.",
    ),
    Purpose.OWNER_NOTICE: Words(
        "{{ subject }}",
        "{{ text }}{% if url %}\n{{ url }}{% endif %}",
        "{{ subject }}{% if text %} - {{ text }}{% endif %}",
        "{{ subject }}. {{ text }}",
    ),
}
DIGEST = Words(
    "{{ count }} incidents{% if over %} are over{% endif %}: {{ incident.name }} {{ incident.title }} and {{ count - 1 }} more",
    """\
{% for each in incidents %}[{{ each.severity | upper }}] {{ each.name }} {{ each.title }} ({{ each.service }}, {{ each.status }})
{{ each.url }}
{% endfor %}{% if count > incidents | length %}... and {{ count - incidents | length }} more.
{% endif %}""",
    "{{ count }} incidents{% if over %} are over{% endif %}: {{ incident.name }} {{ incident.title }} and {{ count - 1 }} more",
    "{{ count }} incidents. The worst: " + _SPOKEN,
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
