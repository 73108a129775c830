"""The dedup key of a signal: which fields make two signals the same problem, and by which strategy."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from hashlib import blake2b

from incidents.contracts import ORDERED
from incidents.ingest.sources.reading import CHANGED, clean

DEDUP_KEY = 512  # characters, of the column

# Strategies, as they are stored and shown.
NAMED = "dedup_key"  # the sender named its key
FINGERPRINT = "fingerprint"  # Alertmanager's fingerprint, or a hash of all labels where it gives none
INCIDENT_ID = ORDERED  # the id that the sender's own incident has
CONTENT = "content"  # derived from what the signal is about
GENERATED = "generated"  # a fresh one: nothing will ever repeat it


def named(key: str) -> str:
    """A sender's own key, storable. Usually as it is, blanks and joiners and all; one that is too long or holds control
    characters keeps what can be read of it and gets a hash of the whole, so that different keys stay different. "" for a blank
    one.

    What this returns it leaves as it is: a key that we told somebody is found again when it is sent back.
    """
    if not key or key.isspace():
        return ""
    if len(key) <= DEDUP_KEY and (key.isprintable() or not CHANGED.search(key)):
        return key
    whole = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    readable = " ".join(clean(key).split())
    return f"{readable[: DEDUP_KEY - 33]}_{whole}" if readable else ""


def of_labels(labels: Mapping[str, str]) -> str:
    """16 hex digits over all labels in any order; an empty label is the same as none, as in Prometheus."""
    digest = blake2b(digest_size=8)
    for name in sorted(labels):
        if labels[name]:
            digest.update(f"{name}\xff{labels[name]}\xff".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def of_content(*parts: str) -> str:
    """32 hex digits over *parts*, in order: title, service, namespace, resource."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def generated() -> str:
    """A key that nothing has had before."""
    return uuid.uuid4().hex
