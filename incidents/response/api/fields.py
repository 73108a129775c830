"""Serializer fields that render our enumerations in a dialect's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from incidents.response.api import states


class WordField(serializers.ChoiceField):
    """Out: the dialect's word for a member of one of our enums."""

    def __init__(self, table: Mapping[Any, str], **kwargs: Any) -> None:
        self.table = table
        super().__init__(choices=list(dict.fromkeys(table.values())), **kwargs)

    def to_representation(self, value: Any) -> str:
        return self.table[value]


class StateField(serializers.ChoiceField):
    """Out: the state word that a table derives from the whole incident at ``context["now"]``."""

    def __init__(self, table: states.Table, **kwargs: Any) -> None:
        self.table = table
        super().__init__(choices=[word for _, word in table], source="*", **kwargs)

    def to_representation(self, value: Any) -> str:
        return states.word_of(self.table, value, self.context["now"])
