"""Pairs that surely do not belong together, to see what a filter lets through when nobody has labelled anything.

From every source up to 2 000 anchors are drawn, and up to 2 000 passages, by the smallest hashes; the n-th anchor meets a
passage of its own source that it is not paired with anywhere. Such strangers are what a mismatched row looks like. Their ranks
say how wide a filter may open: `widest` is the largest k at which no more than the accepted share of them gets in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexer.files import canonical_json, write_bytes

DRAWN = 2000  # per source: a share of .02 is then known to about ± .003
ENOUGH = 200  # strangers; a source with fewer is measured by those of all sources together


@dataclass
class Strangers:
    """What is drawn so far: per source the anchors with all their passages, and the passages, by their hashes."""

    anchors: dict[str, dict[bytes, set[bytes]]] = field(default_factory=dict)
    passages: dict[str, set[bytes]] = field(default_factory=dict)

    def add(self, sources: Sequence[str], anchors: Sequence[bytes], passages: Sequence[bytes]) -> None:
        """Look at a batch. What was once outside the smallest stays outside, so nothing is missed by forgetting it."""
        for source, anchor, passage in zip(sources, anchors, passages, strict=True):
            self.anchors.setdefault(source, {}).setdefault(anchor, set()).add(passage)
            self.passages.setdefault(source, set()).add(passage)
        for source, known in self.anchors.items():
            self.anchors[source] = {key: known[key] for key in sorted(known)[:DRAWN]}
            self.passages[source] = set(sorted(self.passages[source])[:DRAWN])

    def pairs(self) -> dict[str, list[tuple[bytes, bytes]]]:
        """Per source the drawn anchors, each with a passage that is not its own."""
        return {source: _met(known, sorted(self.passages[source])) for source, known in sorted(self.anchors.items())}


def _met(anchors: Mapping[bytes, set[bytes]], passages: list[bytes]) -> list[tuple[bytes, bytes]]:
    """A text that is both anchor and passage has one hash for both, so passages are taken from half a turn away."""
    turn = len(passages) // 2
    met = [(key, passages[(place + turn) % len(passages)]) for place, key in enumerate(sorted(anchors))]
    return [(anchor, passage) for anchor, passage in met if passage not in anchors[anchor] and passage != anchor]


def save(file: Path, strangers: Strangers) -> None:
    """Keep the pairs, as hexadecimal JSON."""
    pairs = strangers.pairs()
    write_bytes(file, canonical_json({s: [[a.hex(), p.hex()] for a, p in met] for s, met in pairs.items()}))


def load(file: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    """What `save` kept."""
    pairs = json.loads(file.read_text("utf-8"))
    return {s: [(bytes.fromhex(a), bytes.fromhex(p)) for a, p in met] for s, met in pairs.items()}


def widest(ranks: Mapping[str, Sequence[int]], leak: float) -> dict[str, int]:
    """Per source the largest k, at least 1, at which at most the share `leak` of its strangers has rank ≤ k."""
    everyone = [rank for found in ranks.values() for rank in found]
    return {source: _widest(found if len(found) >= ENOUGH else everyone, leak) for source, found in ranks.items()}


def _widest(ranks: Sequence[int], leak: float) -> int:
    if not ranks:
        return 1
    first_out = sorted(ranks)[min(int(leak * len(ranks)), len(ranks) - 1)]
    return max(1, first_out - 1)
