"""Other ways to negate the same sentence."""

from __future__ import annotations


def ways(text: str) -> list[tuple[str, str]]:
    """(rule, negated text)."""
    return []
