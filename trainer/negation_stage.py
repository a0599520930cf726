"""The negation stage of `trainer prepare`: from the pairs that all filters kept, negation triplets, counterweights, probes.

It runs after the filters, because they would drop what it makes: a counterweight is nearly a copy of itself. Of each positive
at most one triplet is made, with exactly one counterweight (`trainer.negation_data`). Probes are the rows on which EasyNegation
and HardNegation are measured (Jina Embeddings v1, section on negation): anchor, positive, negation of the positive.
A test probe has both its sentences on the test side of a fixed split by hash, and any row of the training data that
holds one of its sentences is dropped, so that train and test are disjoint by sentence. What is made is held against the hold-out
sets too. Everything is drawn by a seeded hash of the content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from indexer.files import canonical_json, digest, sha256, write_bytes
from indexer.progress import Watcher
from trainer.batches import mapped
from trainer.filters.verdicts import Verdicts
from trainer.negation_data import FAR, Made, made_of, sentence_hash, shared_words
from trainer.recipe import NegationStep

if TYPE_CHECKING:
    import pyarrow as pa

    from trainer.filters.leakage import Leakage
    from trainer.negation_llm import LlmNegator

Hashes = np.ndarray[Any, Any]  # uint64
TOLD = ("source", "file", "line", "licence", "task", "content")
SENTENCES = ("anchor", "positive", "negation", "copy")
LLM = ("model", "answer_tokens", "temperature", "seed", "budget_tokens")  # what shapes a model's answers
NEGATION, SAME = "/negation", "/same"  # behind the name of the source that a made row comes from


@dataclass(frozen=True)
class NegationStage:
    """Judges as a filter does (rows that share a sentence with a test probe go) and leaves what it made in its folder."""

    step: NegationStep
    seed: int = 0
    leakage: Leakage | None = None  # the recipe's, to hold against what is made

    name: ClassVar[str] = "negation"
    reasons: ClassVar[Mapping[str, str]] = {
        "negation probe": "one of its sentences is used to test what a model knows of negation"
    }
    counted: ClassVar[tuple[str, ...]] = ("contradiction",)

    def settings(self) -> dict[str, Any]:
        """The recipe's, and the rules by the digest of their code and tables: other rules make other rows."""
        here = Path(__file__).parent
        rules = sorted([*here.glob("negation*.py"), *here.glob("tables/*.tsv")])
        llm = self.step.llm and {name: getattr(self.step.llm, name) for name in LLM}
        held = self.leakage.settings() if self.leakage else None
        own = {name: getattr(self.step, name) for name in ("max_words", "most", "probes")}
        made_by = {"rules": digest([sha256(file) for file in rules]), "llm": llm}
        return {"sources": list(self.step.sources), "seed": self.seed, "leakage": held} | own | made_by

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Make what can be made of every pair, choose, and write `made.arrow`, `probes.arrow`, `held.npy` and `summary.json`."""
        from trainer.negation_write import write_candidates, write_made, write_probes

        candidates = write_candidates(self._candidates(batches, watch), workdir / "candidates.arrow")
        chosen = choose(candidates, self.step)
        np.save(workdir / "held.npy", chosen.held)
        made = write_made(workdir, chosen.triplets, self.leakage, watch)
        write_probes(workdir, chosen)
        told = {"pairs": len(candidates.draw), "abstained": dict(sorted(candidates.abstained.items()))}
        told |= {"without_copy": candidates.without_copy, **made}
        told["probes"] = {"train": int(chosen.train.sum()), "test": int(chosen.test.sum())}
        write_bytes(workdir / "summary.json", canonical_json(told))
        (workdir / "candidates.arrow").unlink()

    def _candidates(self, batches: Iterable[pa.RecordBatch], watch: Watcher) -> Iterable[dict[str, list[Any]]]:
        seen, llm = 0, self._llm()
        for found in mapped(batches, partial(candidates_of, self.step, self.seed)):
            yield _asked(found, llm, watch) if llm else found
            seen += len(found["anchor"])
            watch("negating", seen, None)

    def _llm(self) -> LlmNegator | None:
        if self.step.llm is None:
            return None
        from trainer.negation_llm import LlmNegator

        return LlmNegator(self.step.llm)

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Evidence: which contradictions of the negation sources are far-worded, and how many words they share."""
        import pyarrow as pa

        held = np.load(workdir / "held.npy")
        hits = touching(batch, held)
        reasons = ["negation probe" if hit else None for hit in hits]
        shares = [None if hit else share for hit, share in zip(hits, self._far(batch), strict=True)]
        far = [None if share is None else "far" for share in shares]
        return Verdicts(
            reasons, {"contradiction": pa.array(far, pa.string()), "shared_words": pa.array(shares, pa.float64())}
        )

    def _far(self, batch: pa.RecordBatch) -> list[float | None]:
        columns = [batch.column(name).to_pylist() for name in ("positive", "negatives", "negation", "source")]
        shares: list[float | None] = []
        for positive, negatives, negation, source in zip(*columns, strict=True):
            asked = negatives and not negation and source in self.step.sources
            share = shared_words(positive, negatives[0]) if asked else 1.0
            shares.append(round(share, 4) if share <= FAR else None)
        return shares


def candidates_of(step: NegationStep, seed: int, batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """Columns over the pairs of the step's sources: texts and provenance, and what could be made of the positive."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pc.is_in(batch.column("source"), pa.array(step.sources, pa.string()))
    pairs = batch.filter(pc.and_(wanted, pc.equal(pc.list_value_length(batch.column("negatives")), 0)))
    found = {name: pairs.column(name).to_pylist() for name in ("anchor", "positive", *TOLD)}
    too_long = Made(None, "", f"longer than {step.max_words} words", None, "")
    made = [made_of(text, seed=seed) if len(text.split()) <= step.max_words else too_long for text in found["positive"]]
    found |= {name: [getattr(one, name) for one in made] for name in ("negation", "rule", "why", "copy", "kind")}
    return found


def _asked(found: dict[str, list[Any]], llm: LlmNegator, watch: Watcher) -> dict[str, list[Any]]:
    """Let the model try where the rules abstained and a counterweight is there."""
    rows = [
        row for row, (text, copy) in enumerate(zip(found["negation"], found["copy"], strict=True)) if not text and copy
    ]
    for row, answer in zip(rows, llm.negate([found["positive"][row] for row in rows], watch), strict=True):
        found["negation"][row], found["rule"][row], found["why"][row] = answer.text, answer.rule, answer.why
    return found


@dataclass
class Candidates:
    """What must be known of all candidates to choose among them: 40 bytes each."""

    sentences: Hashes  # uint64 [candidates, 4]: anchor, positive, negation, copy; 0 where there is none
    draw: Hashes  # uint64 [candidates]
    abstained: Counter[str] = field(default_factory=Counter)
    without_copy: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which candidates become what (bool [candidates]), and the sorted hashes of all sentences held for the test."""

    triplets: Hashes
    train: Hashes
    test: Hashes
    held: Hashes


def choose(candidates: Candidates, step: NegationStep) -> Chosen:
    """Test probes first; then triplets that share no sentence with them, and train probes."""
    sentences, draw = candidates.sentences, candidates.draw
    negated = sentences[:, 2] != 0
    side = on_test_side(sentences[:, :2])
    test = smallest(negated & side.all(axis=1), sentences[:, 1], draw, step.probes)
    held = np.unique(sentences[test][:, :3])
    free = ~np.isin(sentences, held[held != 0]).any(axis=1)
    whole = negated & (sentences[:, 3] != 0) & free
    triplets = smallest(whole, sentences[:, 1], draw, step.most)
    train = smallest(negated & free & ~side.any(axis=1), sentences[:, 1], draw, step.probes)
    return Chosen(triplets, train, test, held[held != 0])


def on_test_side(sentences: Hashes) -> Hashes:
    """Which sentences, by their hashes, are for testing: `negation_data.split_of` over arrays."""
    side: Hashes = (sentences >> np.uint64(56)) % 5 == 0
    return side


def smallest(wanted: Hashes, positives: Hashes, draw: Hashes, most: int | None) -> Hashes:
    """Of the wanted rows one per positive, and of these the `most` with the smallest draw."""
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(draw[rows], kind="stable")]
    first = np.sort(np.unique(positives[rows], return_index=True)[1])
    mask = np.zeros(len(wanted), bool)
    mask[rows[first][:most]] = True
    return mask


def number_of(text: str) -> int:
    """The sentence's hash as a number; 0 is left for "none"."""
    return int.from_bytes(sentence_hash(text), "big") or 1


def touching(batch: pa.RecordBatch, held: Hashes) -> list[bool]:
    """Which rows have a text among the held sentences."""
    import pyarrow.compute as pc

    hit = np.zeros(batch.num_rows, bool)
    if len(held):
        for side in ("anchor", "positive"):
            hit |= np.isin(_numbers(batch.column(side).to_pylist()), held)
        negatives = batch.column("negatives")
        owners = pc.list_parent_indices(negatives).to_numpy()
        hit[owners[np.isin(_numbers(negatives.flatten().to_pylist()), held)]] = True
    found: list[bool] = hit.tolist()
    return found


def _numbers(texts: Sequence[str]) -> Hashes:
    return np.array([number_of(text) for text in texts], np.uint64)
