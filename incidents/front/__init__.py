"""The front door: ingest requests straight to the parsers and the collector, past Django's request stack.

``door`` says what a request means and how it is answered; ``app`` carries it over ASGI and the collector, ``views`` over Django
(for the schema, and for servers without our ASGI entry). One door, two carriers.
"""

from __future__ import annotations
