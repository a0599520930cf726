"""What the rows of a file mean: pairs and triplets, NLI, labelled texts, judged duplicates, BEIR folders.

Every shape is a function from rows to examples. A row that lacks a field or holds the wrong type becomes `Bad`; a row
that is good but makes no example by itself (a neutral hypothesis, a duplicate judged "no" whose text has no positive)
becomes `Bad` too, with a reason that says so: every row that was read is either in an example or accounted for.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from trainer.sources_tables import SHOWN, Bad, Row

T = TypeVar("T")
Rows = Iterator[Row | Bad]
NAMES: Mapping[str, tuple[str, ...]] = {  # what a field is usually called, first found is used
    "anchor": ("anchor", "query", "question", "text1", "sentence1", "premise", "sentence"),
    "positive": ("positive", "answer", "passage", "text2", "sentence2", "hypothesis", "document"),
    "negative": ("negative", "negatives"),
    "score": ("score",),
    "negation": ("negation",),
    "label": ("label",),
    "negated": ("negated",),
    "text": ("text", "sentence", "query"),
}
OPTIONAL = ("negative", "score", "negation")  # fields of a pair that a row may lack


@dataclass(frozen=True, slots=True)
class Example:
    """A pair, or with negatives a triplet, and the line it came from."""

    line: int
    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()
    score: float | None = None
    negation: bool = False


class UnfitError(Exception):
    """This row cannot be used, for this reason."""


def resolved(columns: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Field → column: what the recipe says, else the usual names that are there."""
    guessed = {key: next((name for name in names if name in columns), None) for key, names in NAMES.items()}
    guessed |= {"negative": given.get("negatives", guessed["negative"])}
    return {key: name for key, name in (guessed | dict(given)).items() if name is not None}


def pairs(rows: Rows, fields: Mapping[str, str]) -> Iterator[Example | Bad]:
    """One example per row: anchor and positive, with a negative (or a list of them), score and negation flag if there."""
    return each(rows, lambda line, row: _pair(line, row, fields))


def _pair(line: int, row: dict[str, Any], fields: Mapping[str, str]) -> Example:
    negatives, score, negation = (row.get(fields[name]) if name in fields else None for name in OPTIONAL)
    several = negatives if isinstance(negatives, list) else [] if negatives is None else [negatives]
    return Example(
        line,
        text_of(row, fields["anchor"]),
        text_of(row, fields["positive"]),
        tuple(_clean(text) for text in several),
        _number(score),
        _flag(negation),
    )


def each(rows: Rows, made: Callable[[int, dict[str, Any]], T]) -> Iterator[T | Bad]:
    """What is made of every row, or why it cannot be used."""
    for entry in rows:
        if isinstance(entry, Bad):
            yield entry
            continue
        try:
            yield made(*entry)
        except UnfitError as error:
            yield unfit(entry[0], str(error), entry[1])


def unfit(line: int, reason: str, row: object) -> Bad:
    """A row set aside, shown as it was."""
    return Bad(line, reason, repr(row)[:SHOWN].encode("utf-8", "replace").decode())


def text_of(row: Mapping[str, Any], name: str) -> str:
    """The text of a column; UnfitError says why there is none."""
    if row.get(name) is None:
        raise UnfitError("missing field")
    return _clean(row[name])


def _clean(text: Any) -> str:
    if not isinstance(text, str):
        raise UnfitError("wrong type")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnfitError("broken text") from error
    return text


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float("nan") if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnfitError("wrong type") from error
    if not abs(number) < float("inf"):
        raise UnfitError("wrong type")
    return number


def _flag(value: Any) -> bool:
    known = {None: False, False: False, True: True, "": False, "0": False, "1": True, "false": False, "true": True}
    try:
        return known[value.lower() if isinstance(value, str) else value]
    except (KeyError, TypeError) as error:
        raise UnfitError("wrong type") from error


def nli(rows: Rows, fields: Mapping[str, str]) -> Iterator[Example | Bad]:
    """Entailment → pairs; where its premise has contradictions → triplets, the i-th entailment with the i-th of them."""
    entailed, against, rest = _by_premise(rows, fields)
    yield from rest
    for premise, found in entailed.items():
        contradictions = against.pop(premise, [])
        for position, (line, text) in enumerate(found):
            yield Example(line, premise, text)
            if position < len(contradictions):
                yield Example(line, premise, text, (contradictions[position][1],))
        yield from (Bad(line, "no entailment to stand against", text) for line, text in contradictions[len(found) :])
    for premise, found in against.items():
        yield from (unfit(line, "no entailment to stand against", [premise, text]) for line, text in found)


def _by_premise(rows: Rows, fields: Mapping[str, str]) -> tuple[Any, Any, list[Bad]]:
    entailed: dict[str, list[tuple[int, str]]] = defaultdict(list)
    against: dict[str, list[tuple[int, str]]] = defaultdict(list)
    rest: list[Bad] = []
    kinds = {"entailment": entailed, "0": entailed, "contradiction": against, "2": against}  # 1: neutral
    for entry in rows:
        if isinstance(entry, Bad):
            rest.append(entry)
            continue
        line, row = entry
        try:
            premise, text = text_of(row, fields["anchor"]), text_of(row, fields["positive"])
            label = _label(row, fields["label"]).lower()
            kind = kinds.get(label)
            if kind is None:
                raise UnfitError("neutral" if label in ("neutral", "1") else "unknown label")
            kind[premise].append((line, text))
        except UnfitError as error:
            rest.append(unfit(line, str(error), row))
    return entailed, against, rest


def _label(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        raise UnfitError("missing field")
    if not isinstance(value, str | int):
        raise UnfitError("wrong type")
    return str(int(value)) if isinstance(value, bool | int) else _clean(value)


def labels(rows: Rows, fields: Mapping[str, str], partners: int, seed: int) -> Iterator[Example | Bad]:
    """Texts with the same label belong together: each gets the few others of its label that follow it in hash order.

    The order is drawn by hash of seed and text: neither the file's order nor its length before a text changes anything.
    """
    groups: dict[str, list[tuple[bytes, int, str]]] = defaultdict(list)
    for entry in rows:
        if isinstance(entry, Bad):
            yield entry
            continue
        line, row = entry
        try:
            text = text_of(row, fields["text"])
            groups[_label(row, fields["label"])].append((_drawn(seed, text), line, text))
        except UnfitError as error:
            yield unfit(line, str(error), row)
    for group in groups.values():
        yield from _partnered(sorted(group), partners)


def _drawn(seed: int, text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16, key=str(seed).encode()).digest()


def _partnered(ring: list[tuple[bytes, int, str]], partners: int) -> Iterator[Example | Bad]:
    size = len(ring)
    for place, (_, line, text) in enumerate(ring):
        if size == 1:
            yield Bad(line, "alone with its label", text[:SHOWN])
        for step in range(1, min(partners, size - 1) + 1):
            yield Example(line, text, ring[(place + step) % size][2])


def duplicates(rows: Rows, fields: Mapping[str, str]) -> Iterator[Example | Bad]:
    """Judged "same" → pairs; judged "different" → hard negatives of the first text's positives, one triplet each."""
    same: dict[str, list[tuple[int, str]]] = defaultdict(list)
    other: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for entry in rows:
        if isinstance(entry, Bad):
            yield entry
            continue
        line, row = entry
        try:
            first, second = text_of(row, fields["anchor"]), text_of(row, fields["positive"])
            kind = {"1": same, "true": same, "0": other, "false": other}.get(_label(row, fields["label"]).lower())
            if kind is None:
                raise UnfitError("unknown label")
            kind[first].append((line, second))
        except UnfitError as error:
            yield unfit(line, str(error), row)
    yield from (Example(line, first, second) for first, found in same.items() for line, second in found)
    yield from against(same, other)


def against(
    same: Mapping[str, list[tuple[int, str]]], other: Mapping[str, list[tuple[int, str]]]
) -> Iterator[Example | Bad]:
    """A triplet for each judged-irrelevant text, with the positive of the anchor that its hash draws."""
    for anchor, found in other.items():
        positives = sorted(same.get(anchor, []), key=lambda entry: (entry[1], entry[0]))
        for line, text in found:
            if not positives:
                yield Bad(line, "no positive to stand against", text[:SHOWN])
                continue
            place = int.from_bytes(_drawn(0, text)[:8], "big") % len(positives)
            yield Example(line, anchor, positives[place][1], (text,))
