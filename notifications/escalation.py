"""Pure: what a policy says, and what happens next in a run. Plain values and ``now`` in, a decision with a named reason out."""

from __future__ import annotations
