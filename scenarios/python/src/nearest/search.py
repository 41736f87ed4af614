"""The search, whose inner loop is in C."""

import heapq
from collections.abc import Iterable

from nearest._distance import distance


def nearest(word: str, words: Iterable[str], count: int) -> list[tuple[str, int]]:
    """The `count` words nearest to `word`, each with its distance, the nearest first."""
    measured = ((candidate, distance(word, candidate)) for candidate in words)
    return heapq.nsmallest(count, measured, key=lambda pair: (pair[1], pair[0]))
