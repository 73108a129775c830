"""The front door: answers ingest requests before Django's request stack does.

``door`` decides what a request means and how it is answered. Two carriers bring requests to it: ``app`` over ASGI and
the writer thread, ``views`` over Django (for the OpenAPI schema, and for servers without our ASGI entry).
"""

from __future__ import annotations
