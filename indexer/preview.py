"""`indexer build --dry-run`: what a build would do, from a sample of the source. Nothing is written anywhere.

Token lengths, passages, index, memory, disk and time are estimated from up to a thousand sampled rows; the time comes
from encoding a few of the sampled passages on this machine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from indexer.columns import survey
from indexer.corpus import sample
from indexer.encode import Encoder, load_encoder
from indexer.encode.models import resolve
from indexer.home import Home, check_name
from indexer.intake import check_source
from indexer.passages import Span, passage_text, split
from indexer.plan import plan_index
from indexer.progress import Watcher, counted, unwatched
from indexer.readers import read_rows
from indexer.records import Record, Rejection, as_json, to_record
from indexer.rows import columns_as_json
from indexer.settings import BuildSettings

SAMPLE = 1_000  # rows looked at
TIMED_TOKENS = 20_000  # enough for a rate that means something, at most a few seconds on any machine


@dataclass(frozen=True, slots=True)
class Preview:
    """What a build would do. Bytes and seconds are estimates from the sample."""

    columns: dict[str, Any]
    rows: int
    sampled: int
    examples: list[dict[str, Any]]
    rejected: dict[str, int]  # among the sampled rows
    tokens: dict[str, int]  # of a document: median, p95, longest
    model_reads: int  # tokens
    longer_than_model: float  # share of documents
    passages: int
    plan: dict[str, Any]
    memory_bytes: int
    disk_bytes: int
    seconds: float


def preview(settings: BuildSettings, home: Home, watch: Watcher = unwatched) -> Preview:
    """Look at the source and say what `build` would do with it."""
    check_name(settings.name)
    reader = check_source(settings.source)
    settings = settings.with_model(home)
    encoder = load_encoder(resolve(str(settings.model), home.models), precision=settings.precision)
    watch("looking at columns", 0, None)
    seen = survey(
        counted(read_rows(reader, settings.source), lambda count: watch("looking at columns", count, None)),
        id=settings.id,
        title=settings.title,
        text=settings.text,
        fields=settings.fields,
    )
    watch("looking at a sample", 0, None)
    items = [to_record(row, seen.columns) for row in sample(settings.source, reader, SAMPLE)]
    records = [item for item in items if isinstance(item, Record)]
    rejected = Counter(item.reason for item in items if isinstance(item, Rejection))
    texts = [(record.title, record.text) for record in records]
    spans = list(split(texts, encoder.tokenizer, encoder.document_tokens, settings.passages))
    lengths = _token_lengths(texts, encoder)
    expected = round(seen.rows * len(records) / max(1, len(items)))
    passages = round(expected * sum(map(len, spans)) / max(1, len(records)))
    plan = plan_index(passages, encoder.dim, override=settings.index)
    per_record = _mean([len(title) + len(text) for title, text in texts])
    return Preview(
        columns=columns_as_json(seen.columns),
        rows=seen.rows,
        sampled=len(items),
        examples=[as_json(record) for record in records[:3]],
        rejected=dict(sorted(rejected.items())),
        tokens={
            "median": int(np.median(lengths or [0])),
            "p95": int(np.percentile(lengths or [0], 95)),
            "longest": max(lengths, default=0),
        },
        model_reads=encoder.document_tokens,
        longer_than_model=_mean([length > encoder.document_tokens for length in lengths]),
        passages=passages,
        plan=asdict(plan),
        memory_bytes=plan.memory_bytes,
        disk_bytes=plan.disk_bytes + round(expected * per_record * 2.2),  # records, and about as much again of terms
        seconds=round(_seconds_per_passage(texts, spans, encoder) * passages, 1),
    )


def _token_lengths(texts: Sequence[tuple[str, str]], encoder: Encoder) -> list[int]:
    encodings = encoder.tokenizer.encode_batch([passage_text(title, text) for title, text in texts])
    return [len(encoding.ids) for encoding in encodings]


def _seconds_per_passage(texts: Sequence[tuple[str, str]], spans: Sequence[list[Span]], encoder: Encoder) -> float:
    pieces = [
        passage_text(t, text[s.start : s.end]) for (t, text), cuts in zip(texts, spans, strict=True) for s in cuts
    ]
    if not pieces:
        return 0.0
    encoder.encode_document(pieces[:8])  # the first call prepares weights
    budget = max(16, TIMED_TOKENS // max(1, round(_mean([len(piece) for piece in pieces]) / 4)))
    step = max(1, len(pieces) // budget)
    timed = pieces[::step][:budget]
    began = time.perf_counter()
    encoder.encode_document(timed)
    return (time.perf_counter() - began) / len(timed)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
