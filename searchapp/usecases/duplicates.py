"""Duplicates: which records of a collection are the same thing, and which say the same as a pasted text.

`neighbours` compares every record with its nearest ones, once per open version; `group` cuts groups out of these pairs at
any threshold without embedding or searching again; `alike` compares a text with the records. What a score means stands
in `pairs`, how groups are made in `duplicates_groups`.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer.progress import Watcher, unwatched
from searchapp.opening import Opened
from searchapp.usecases.duplicates_groups import Group, group
from searchapp.usecases.duplicates_text import compare_text
from searchapp.usecases.pairs import Pairs, compare
from searchapp.usecases.pairs_candidates import candidates
from searchapp.usecases.pairs_evidence import Evidence, read_evidence

__all__ = ["THRESHOLD", "Alike", "Group", "Pairs", "alike", "evidence", "group", "neighbours"]

# 1/2 is no nearer than others are. F1 on the development pairs of two public sets: .69 and .98; at their best .70 and .98.
THRESHOLD = 0.55


@dataclass(frozen=True, slots=True)
class Alike:
    """A record that says the same as a text: its row, the pair score and the parts of it (see `Pairs.parts`)."""

    row: int
    score: float
    parts: dict[str, float | bool | None]


def neighbours(opened: Opened, watch: Watcher = unwatched) -> Pairs:
    """Every record with its nearest ones by vector and by rare words, scored. Keep it: `group` needs nothing else.

    The same version gives the same pairs. `watch` is told of three phases: reading records, finding neighbours, comparing.
    """
    read = evidence(opened, watch)
    found = candidates(opened.version, read, watch)
    watch("comparing pairs", 0, len(found))
    pairs = compare(read, found)
    watch("comparing pairs", len(found), len(found))
    return pairs


def alike(
    opened: Opened, text: str, k: int = 10, threshold: float = THRESHOLD, watch: Watcher = unwatched
) -> tuple[Alike, ...]:
    """At most `k` records that say the same as `text`, best first; equal scores by row.

    The text is compared as a record of its own would be, with no title and no fields. The first call for a version reads
    its records.
    """
    rows, pairs = compare_text(opened, evidence(opened, watch), text, k)
    found = [Alike(row, float(pairs.score[i]), pairs.parts(i)) for i, row in enumerate(rows.tolist())]
    best = sorted((one for one in found if one.score >= threshold), key=lambda one: (-one.score, one.row))
    return tuple(best[:k])


def evidence(opened: Opened, watch: Watcher = unwatched) -> Evidence:
    """What the records of an open version are compared by: read at the first call, kept while the version is open."""
    return opened.kept(("evidence",), lambda: read_evidence(opened.version, watch))
