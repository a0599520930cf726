"""How wide may the filter open for a source? What its own pairs and pairs of strangers say, when nobody has labelled anything.

From every source up to 2 000 anchors are drawn, and up to 2 000 passages, by the smallest hashes; the n-th anchor meets a
passage of its own source that it is not paired with anywhere. Such strangers are what a mismatched row looks like, and beyond the strangers'
median rank hardly anything but mismatched rows is found: twice the share of the source's own pairs out there estimates the share
of mismatched ones (Storey 2002, "A direct approach to false discovery rates", with λ = ½). The filter then opens
as far as this holds: of the pairs kept, at most `impurity` are mismatched. A clean source is opened wide, a dirty one is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexer.files import canonical_json, write_bytes

DRAWN = 2000  # per source: a share of .02 is then known to about ± .003
OWN = 20  # passages of one anchor that are looked at
ENOUGH = 200  # strangers; a source with fewer is measured by those of all sources together
Pairs = dict[str, list[tuple[bytes, bytes]]]  # source → anchor and passage, by their hashes


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

    def pairs(self) -> Pairs:
        """Per source the drawn anchors, each with a passage that is not its own."""
        return {source: _met(known, sorted(self.passages[source])) for source, known in sorted(self.anchors.items())}

    def own(self) -> Pairs:
        """Per source all pairs of the drawn anchors: one each would miss the wrong passage beside a right one."""
        return {
            source: [(key, passage) for key, own in sorted(known.items()) for passage in sorted(own)[:OWN]]
            for source, known in sorted(self.anchors.items())
        }


def _met(anchors: Mapping[bytes, set[bytes]], passages: list[bytes]) -> list[tuple[bytes, bytes]]:
    """A text that is both anchor and passage has one hash for both, so passages are taken from half a turn away."""
    turn = len(passages) // 2
    met = [(key, passages[(place + turn) % len(passages)]) for place, key in enumerate(sorted(anchors))]
    return [(anchor, passage) for anchor, passage in met if passage not in anchors[anchor] and passage != anchor]


def save(file: Path, found: Strangers) -> None:
    """Keep both kinds of pairs, as hexadecimal JSON."""
    kinds = {"own": found.own(), "strangers": found.pairs()}
    texts = {
        kind: {s: [[a.hex(), p.hex()] for a, p in met] for s, met in pairs.items()} for kind, pairs in kinds.items()
    }
    write_bytes(file, canonical_json(texts))


def load(file: Path) -> tuple[Pairs, Pairs]:
    """What `save` kept: own pairs and strangers."""
    kinds = json.loads(file.read_text("utf-8"))
    own, strangers = (
        {s: [(bytes.fromhex(a), bytes.fromhex(p)) for a, p in met] for s, met in kinds[kind].items()}
        for kind in ("own", "strangers")
    )
    return own, strangers


@dataclass(frozen=True, slots=True)
class Opening:
    """How far the filter opens for a source: the last rank kept, and what share of its pairs seems mismatched."""

    last: int
    mismatched: float


def openings(
    own: Mapping[str, Sequence[int]], strangers: Mapping[str, Sequence[int]], impurity: float
) -> dict[str, Opening]:
    """Per source how far to open, by the ranks of its own drawn pairs and of its strangers."""
    everyone = [rank for found in strangers.values() for rank in found]
    return {
        source: opening(ranks, strangers[source] if len(strangers[source]) >= ENOUGH else everyone, impurity)
        for source, ranks in own.items()
    }


def opening(own: Sequence[int], strangers: Sequence[int], impurity: float) -> Opening:
    """The largest k for which mismatched × strangers within k ≤ impurity × own pairs within k; at least 1."""
    if not strangers or not own:
        return Opening(1, 1.0)
    ordered, mine = np.sort(strangers), np.sort(own)
    far = len(mine) - np.searchsorted(mine, np.median(ordered), "right")
    mismatched = min(1.0, 2 * (int(far) + 1) / len(mine))  # + 1: none seen is not none there
    ranks = np.unique(ordered)
    leak = np.searchsorted(ordered, ranks, "right") / len(ordered)
    kept = np.searchsorted(mine, ranks, "right") / len(mine)
    good = ranks[mismatched * leak <= impurity * kept]
    # Up to the next rank that a stranger has nothing changes.
    after = ranks[np.searchsorted(ranks, good[-1]) + 1 :] if len(good) else ranks
    last = int(after[0]) - 1 if len(after) else int(max(ranks[-1], mine[-1]))
    return Opening(max(1, last), round(mismatched, 4))
