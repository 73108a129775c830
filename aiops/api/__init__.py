"""The dialect kit: the base view, the error envelopes and the field types that the four APIs share. It knows no
incidents.
"""

from __future__ import annotations
