"""`trainer explain`: a preparation told in one Markdown page, filter by filter, each with a row it kept and a row it dropped.

What a filter does is the text of its own module, so the page cannot say something else than the code; counts come from the card,
examples from the prepared files, drawn by a seeded hash among rows short enough to read. A row that went as somebody's copy stands beside
the row that stays.
"""

from __future__ import annotations

import hashlib
import html
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from trainer.dropped import Dropped, read_dropped

READABLE = 320  # characters of all texts of an example
SHOWN = 220  # characters of one text
NAMES = ("anchor", "positive", "negative")


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as an example: texts by side, where it comes from, what the filter measured."""

    texts: tuple[tuple[str, str], ...]
    place: str
    evidence: Mapping[str, Any]


def explain(folder: Path, *, seed: int = 0) -> str:
    """The page of a preparation. UserError where there is none."""
    card = _card(folder)
    steps = [step for step in card["settings"]["filters"] if step["label"] != "negation"]
    dropped = _dropped(folder, [step["label"] for step in steps], seed)
    kept = _kept(folder, [step["label"] for step in steps], dropped, seed)
    parts = [_head(card), *(_section(step, card, kept, dropped) for step in steps), _negation(card)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_bytes())
    except (OSError, ValueError) as error:
        todo = "run `trainer prepare RECIPE --out DIR` first, and name that DIR"
        raise UserError("There is no preparation here.", folder, todo) from error
    return card


def _dropped(folder: Path, labels: list[str], seed: int) -> dict[str, Dropped]:
    """One readable drop for each filter that has one."""
    best: dict[str, tuple[tuple[bool, bytes], Dropped]] = {}
    for row in read_dropped(folder):
        if row.filter in labels:
            order = (_long(row.anchor, row.positive, *row.negatives), _draw(seed, row.filter, row.content, row.line))
            if row.filter not in best or order < best[row.filter][0]:
                best[row.filter] = (order, row)
    return {label: row for label, (_, row) in best.items()}


def _kept(folder: Path, labels: list[str], dropped: Mapping[str, Dropped], seed: int) -> dict[str, dict[str, Any]]:
    """One kept row for each filter: the one a drop is a copy of, else a readable one it measured, of the drop's source."""
    best: dict[str, tuple[tuple[object, ...], dict[str, Any]]] = {}
    for row in _rows(folder):
        scores = json.loads(row["scores"] or "{}")
        for label in labels:
            told = dropped[label].evidence if label in dropped else {}
            copied = (told.get("kept_source"), told.get("kept_file"), told.get("kept_line"))
            other = copied != (row["source"], row["file"], row["line"])
            elsewhere = label in dropped and dropped[label].source != row["source"]
            long = _long(row["anchor"], row["positive"], *row["negatives"])
            order = (other, label not in scores, elsewhere, long, _draw(seed, label, row["content"].hex(), row["line"]))
            if label not in best or order < best[label][0]:
                best[label] = (order, row)
    return {label: row for label, (_, row) in best.items()}


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for name in ("pairs", "triplets"):
        for batch in pq.ParquetFile(folder / f"{name}.parquet").iter_batches(batch_size=20_000):
            yield from (row for row in batch.to_pylist() if "/" not in row["source"])


def _long(*texts: str) -> bool:
    return sum(map(len, texts)) > READABLE or min(map(len, texts[:1])) < 1


def _draw(seed: int, *parts: object) -> bytes:
    return hashlib.blake2b(":".join(map(str, (seed, *parts))).encode(), digest_size=8).digest()


def _head(card: Mapping[str, Any]) -> str:
    kept, read = card["kept"], sum(source["rows"] for source in card["sources"].values() if source["dropped"])
    lines = [
        "# What the filters kept and dropped",
        "Written by `trainer explain`; change the run or the code, not this page.",
        f"{read:,} rows were read; {kept['pairs']:,} pairs and {kept['triplets']:,} triplets came out.",
        "| source | rows | pairs | triplets | licence |\n|---|---|---|---|---|\n" + "\n".join(_sources(card)),
    ]
    return "\n\n".join(lines)


def _sources(card: Mapping[str, Any]) -> Iterator[str]:
    for name, told in card["sources"].items():
        counts = (told["rows"], told["kept"]["pairs"], told["kept"]["triplets"])
        yield _line(name, *(f"{count:,}" for count in counts), told["licence"])


def _section(
    step: Mapping[str, Any], card: Mapping[str, Any], kept: Mapping[str, Any], dropped: Mapping[str, Dropped]
) -> str:
    label = step["label"]
    reasons, counts = card["reasons"][label], card["dropped"][label]
    parts = [f"## {label}", about(step["name"]), f"Settings: {_settings(step['settings'])}"]
    lines = [_line(reason, meaning, f"{counts.get(reason, 0):,}") for reason, meaning in reasons.items()]
    parts.append("| reason | means | rows dropped |\n|---|---|---|\n" + "\n".join(lines))
    if label in card["learned"]:
        parts.append(f"Found: {_settings(card['learned'][label])}")
    examples = {}
    if label in kept:
        examples["kept"] = _shown(kept[label], json.loads(kept[label]["scores"] or "{}").get(label, {}))
    if label in dropped:
        row = dropped[label]
        place = {"source": row.source, "line": row.line}
        texts = {"anchor": row.anchor, "positive": row.positive, "negatives": row.negatives}
        examples[f"dropped: {row.reason}"] = _shown(place | texts, row.evidence)
    return "\n\n".join([*parts, _examples(examples)])


def about(name: str) -> str:
    """What a filter does: the text of its module."""
    return inspect.cleandoc(import_module(f"trainer.filters.{name}").__doc__ or "")


def _settings(settings: Mapping[str, Any]) -> str:
    shown = ((key, json.dumps(_brief(value), ensure_ascii=False)) for key, value in settings.items())
    return ", ".join(f"`{key} = {value}`" for key, value in shown) or "none"


def _brief(value: Any) -> Any:
    """Settings for people: the beginning of a digest says enough."""
    if isinstance(value, dict):
        return {key: _brief(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_brief(part) for part in value]
    digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)
    return f"{value[:8]}…" if digest else value


def _shown(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> Shown:
    texts = [("anchor", row["anchor"]), ("positive", row["positive"])]
    texts += [("negative", text) for text in row["negatives"][:1]]
    return Shown(tuple(texts), f"{row['source']}, line {row['line']:,}", evidence)


def _examples(examples: Mapping[str, Shown]) -> str:
    """A column per example, a row per side."""
    sides = [name for name in NAMES if any(name in dict(one.texts) for one in examples.values())]
    rows = [_line(side, *(dict(one.texts).get(side, "") for one in examples.values())) for side in sides]
    rows.append(_line("from", *(one.place for one in examples.values())))
    if any(one.evidence for one in examples.values()):
        told = (
            "; ".join(f"{key}: {_short(str(value))}" for key, value in one.evidence.items())
            for one in examples.values()
        )
        rows.append(_line("measured", *told))
    return "\n".join([_line("", *examples), "|" + "---|" * (len(examples) + 1), *rows])


def _negation(card: Mapping[str, Any]) -> str:
    told = card.get("negation")
    if not told:
        return ""
    made = f"{told['triplets']:,} negation triplets, each with one counterweight, of {told['pairs']:,} pairs that can be negated"
    probes = f"{told['probes']['train']:,} probes for tuning and {told['probes']['test']:,} for testing"
    rules, kinds = ("; ".join(f"{name} {count:,}" for name, count in told[key].items()) for key in ("rules", "kinds"))
    return f"## negation\n\n{made}; {probes}.\n\nRules: {rules}.\n\nCounterweights: {kinds}."


def _line(*cells: str) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    """A text that stays text in a cell of a table."""
    return re.sub(r"([\\|*_`\[\]~#])", r"\\\1", html.escape(_short(text), quote=False))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
