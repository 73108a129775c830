"""The v1 dialect's base: Kubernetes-like objects, lists with totals, errors with code, message and details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from aiops.access.authentication import ApiKeyAuthentication
from aiops.api import envelopes
from aiops.api.envelopes import API_VERSION
from aiops.api.errors import status_of
from aiops.api.params import whole_number
from aiops.api.schema import WORKSPACE_HEADER
from aiops.api.views import DialectView, NothingHere
from aiops.kernel.errors import DomainError, NotFound

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


class Constant(serializers.ChoiceField):
    """Always the same word."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(choices=[word], source="*")

    def to_representation(self, value: Any) -> str:
        return self.word


class V1ErrorBody(serializers.Serializer):
    code = serializers.IntegerField(help_text="The HTTP status.")
    message = serializers.CharField()
    details = serializers.CharField(allow_blank=True)


class V1Error(serializers.Serializer):
    """Every refusal of v1."""

    apiVersion = Constant(API_VERSION)
    kind = Constant("Error")
    error = V1ErrorBody()


class V1View(DialectView):
    """Base of ``/api/v1/…``: API key, role, limits on every answer."""

    tag = "v1"
    error_serializer = V1Error
    limited = True
    parameters: ClassVar[Sequence[OpenApiParameter]] = (WORKSPACE_HEADER,)
    authentication_classes = (ApiKeyAuthentication,)

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        status = status_of(error)
        return status, envelopes.v1(status, error.message, error.details)


class V1Unknown(NothingHere, V1View):
    """Paths below ``/api/v1/`` that nothing answers."""

    def nothing(self, request: Request, **kwargs: str) -> NotFound:
        return NotFound("Unknown API path", details=f"Nothing is at {request.path}")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    number: int
    size: int

    @classmethod
    def asked(cls, params: Any) -> Page:
        """From ``page`` (from 1) and ``pageSize`` (1 to 100); raises ``InvalidInput`` for anything else."""
        size = whole_number(params, "pageSize", PAGE_SIZE, 1, MAX_PAGE_SIZE)
        return cls(whole_number(params, "page", 1, 1), size)

    def of(self, rows: Any) -> Any:
        """That part of a queryset or list; empty beyond the end."""
        return rows[(self.number - 1) * self.size : self.number * self.size]


def resource(kind: str, **members: Any) -> dict[str, Any]:
    """A single object: ``metadata``, ``spec``, ``status`` and what else *members* hold."""
    return {"apiVersion": API_VERSION, "kind": kind, **members}


def listing(kind: str, items: Sequence[Any], total: int, page: Page) -> dict[str, Any]:
    """A page of a list; clients compute the number of pages from ``totalCount``."""
    metadata = {"totalCount": total, "page": page.number, "pageSize": page.size}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "items": items}


class ListMetadata(serializers.Serializer):
    totalCount = serializers.IntegerField()
    page = serializers.IntegerField()
    pageSize = serializers.IntegerField()
