"""Divides what a provider counted among those who shared a call, and adds parts up again.

Nothing is lost and nothing is made up: shares add up to the provider's own figure exactly. What is
no count (null, negative, a text) passes as it is.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sidecar.metering.documents import Path
from sidecar.tokens import Usage


def apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """`total` (0 or more) in whole shares by `weights` (each 1 or more), by the largest remainder."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda place: total * weights[place] % whole, reverse=True
    )
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def divided_usage(usage: Usage, weights: Sequence[int]) -> list[Usage]:
    """Each one's share of what an answer used."""
    figures = [apportioned(getattr(usage, field.name), weights) for field in fields(Usage)]
    return [Usage(*share) for share in zip(*figures, strict=True)]


def divided(value: Any, weights: Sequence[int]) -> list[Any]:
    """Each one's share of figures as they stand in a document, however nested."""
    if isinstance(value, dict):
        shares = {key: divided(item, weights) for key, item in value.items()}
        return [{key: shares[key][place] for key in value} for place in range(len(weights))]
    if isinstance(value, list):  # Gemini's figures by modality
        items = [divided(item, weights) for item in value]
        return [[item[place] for item in items] for place in range(len(weights))]
    if type(value) is int and value >= 0:
        return list(apportioned(value, weights))
    if type(value) is float and value > 0:  # money, of a provider that tells it
        whole = sum(weights)
        return [value * weight / whole for weight in weights]
    return [value] * len(weights)


def added(values: Sequence[Any]) -> Any:
    """The figures of parts as one; where they are no figures, the first."""
    first = values[0]
    if all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: added([value[key] for value in values if key in value]) for key in keys}
    if all(isinstance(value, list) and len(value) == len(first) for value in values):
        return [added(items) for items in zip(*values, strict=True)]
    if all(type(value) in (int, float) and value >= 0 for value in values):
        return sum(values)
    return first


def replaced(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of a document with another value at a path that is there."""
    if len(path) == 1:
        return {**document, path[0]: value}
    return {**document, path[0]: replaced(document[path[0]], path[1:], value)}
