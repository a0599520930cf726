"""Where the results of a query end.

A search ranks every record; a shopper who asks for a red kettle means a handful of them. Fused scores are standard scores
of one query's candidates, so they say how far a candidate stands out of the others, and a share of the best one's score
is a fair place to cut. Where all candidates are good ("shirt"), none stands out of them; so one that is much nearer to the
query than documents at random stays, too. Both shares were chosen on judged training queries of two shops and on the
demo; docs/lab-log.md has the numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.opened import Rows
from searchapp.opening import Opened
from searchapp.retrieve import DEPTH, Ranking, StageScores, hybrid

MOST = 1_000  # results of a query
FUSED_SHARE = 0.2  # of the way from the mean candidate (0, fused scores being standard scores) to the best
DENSE_SHARE = 0.6  # of the way from a document at random to the best
SAMPLE = 256  # documents at random
FEWEST = 20  # documents; lacking ones count as 0, or two good matches would be each other's background


def standout(
    opened: Opened, query: str, among: Rows | None, *, depths: tuple[int, ...] = (DEPTH, MOST)
) -> tuple[Ranking, bool]:
    """The results of a query, best first, and whether there may be more of them than were looked at.

    A candidate stands out by fusion, against the other candidates; or by meaning alone, against documents at random. Looked
    at are as many candidates as a search has, so the order is a search's; where more than half of those stand out, MOST.
    """
    for k in depths:
        ranking = hybrid(opened, query, k, among)
        kept = _stands_out(opened, query, ranking)
        overflows = len(ranking.rows) == k and 2 * int(np.count_nonzero(kept)) > k
        if not overflows:
            break
    return part(ranking, np.flatnonzero(kept)), overflows


def part(ranking: Ranking, places: NDArray[np.int64]) -> Ranking:
    """The ranking of some of its places, in their order."""
    stages = {name: StageScores(stage.ranks[places], stage.scores[places]) for name, stage in ranking.stages.items()}
    return Ranking(ranking.rows[places], stages, ranking.best_passages)


def _stands_out(opened: Opened, query: str, ranking: Ranking) -> NDArray[np.bool_]:
    """Which places of the ranking are results; the first always."""
    dense, fused = ranking.stages["dense"].scores, ranking.stages["fusion"].scores
    by_fusion = fused >= FUSED_SHARE * fused.max(initial=0)
    by_meaning = dense >= _bar(opened, query, float(dense.max(initial=-1)))
    kept: NDArray[np.bool_] = by_fusion | by_meaning | (np.arange(len(fused)) == 0)
    return kept


def _bar(opened: Opened, query: str, best: float) -> float:
    """The cosine DENSE_SHARE of the way from a document at random (the median of a sample) to the best candidate's."""
    living = np.flatnonzero(opened.version.alive)
    sample = living[np.linspace(0, len(living) - 1, min(SAMPLE, len(living))).astype(np.int64)]
    scores = opened.version.dense_scores(opened.encode(query), sample)[0]
    background = float(np.median(np.append(scores, np.zeros(max(0, FEWEST - len(scores)), np.float32))))
    return background + DENSE_SHARE * (best - background)
