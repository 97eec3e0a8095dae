"""Drawings of plain rectangles, in units of their own: a stack of bars for each day or hour, standing on a ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

WIDE, HIGH, HEADROOM = 720, 150, 14


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the drawing: where, how large, and what it shows (a class of the style sheet)."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a page draws. `labels`: where, the words, whether they stay when there is little room."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[float, str, bool], ...] = ()
    ground: int = HIGH
    width: ClassVar[int] = WIDE

    @property
    def height(self) -> int:
        """With the labels below the ground."""
        return self.ground + 22


def stack(
    x: float, width: float, amounts: Iterable[tuple[str, float]], scale: float, *, ground: int = HIGH, least: int = 4
) -> list[Bar]:
    """(kind, amount), the lowest first, without those that are nothing; each is `least` units high at least."""
    bars, top = [], float(ground)
    for kind, amount in amounts:
        if amount:
            height = max(amount * scale, least)
            top -= height
            bars.append(Bar(round(x, 1), round(top, 1), round(width, 1), round(height, 1), kind))
    return bars


def scale(most: float, *, ground: int = HIGH) -> float:
    """Units for one, when the highest stack is `most`; a quiet day with one or two is not drawn as a tower."""
    return (ground - HEADROOM) / max(most, 4)
