"""Many values, as many at a time as one statement takes: every value is a bound parameter, and those have an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_MOST = 400

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in order, 400 at a time."""
    return (values[first : first + _MOST] for first in range(0, len(values), _MOST))
