"""How much faster is our engine than `SentenceTransformer.encode` at its defaults, and are the answers the same?

Texts come from several public sets beside the project, mixed. Both engines take turns, so that a busy machine slows
both; the ratio is the median over the rounds. Prints one JSON line:
`python -m benchmarks.encoding [--texts 4000] [--rounds 3] [--data FOLDER]`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from indexer.encode import load_encoder
from indexer.encode.models import resolve

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("scifact", "epqa", "cosqa", "pubmedqa", "xquad_sentences_en", "dedup_amazon_google", "dedup_dblp_acm", "peps")
Vectors = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    print(json.dumps(measure(read_texts(given.data, given.texts), given.rounds)))


def measure(texts: list[str], rounds: int) -> dict[str, object]:
    from sentence_transformers import SentenceTransformer

    folder = resolve("minilm")
    ours, theirs = load_encoder(folder), SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    lengths = [min(len(row), ours.max_tokens) for row in ours.tokenizer.encode_batch_fast(texts)]
    ours.encode_document(texts[:64])
    theirs.encode(texts[:64])
    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        found = timed(lambda: ours.encode_document(texts), took["ours"], cpu["ours"])
        expected = timed(lambda: np.asarray(theirs.encode(texts)), took["theirs"], cpu["theirs"])
    return {
        "benchmark": "encoding",
        "ratio": round(median_ratio(took["theirs"], took["ours"]), 2),
        "ratio_cpu": round(median_ratio(cpu["theirs"], cpu["ours"]), 2),
        "ratios": [round(slow / fast, 2) for slow, fast in zip(took["theirs"], took["ours"], strict=True)],
        "tokens_per_second": round(sum(lengths) / statistics.median(took["ours"])),
        "sentence_transformers_tokens_per_second": round(sum(lengths) / statistics.median(took["theirs"])),
        "top10_overlap": round(top10_overlap(found, expected), 4),
        "largest_difference": float(np.abs(found - expected).max()),
        "query_ms": round(query_ms(ours.encode_query), 1),
        "texts": len(texts),
        "mean_tokens": round(statistics.mean(lengths), 1),
        "precision": ours.precision,
        "machine": machine(),
    }


def read_texts(data: Path, count: int) -> list[str]:
    """`count` titles with texts, the same share from each set, shuffled with a fixed seed."""
    texts = []
    for name in SETS:
        with gzip.open(data / name / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            documents = [json.loads(line) for line in lines]
        whole = [f"{document.get('title', '')} {document['text']}".strip() for document in documents]
        texts += random.Random(0).sample(whole, min(len(whole), count // len(SETS) + 1))
    random.Random(1).shuffle(texts)
    return texts[:count]


def timed(encode: Callable[[], Vectors], took: list[float], cpu: list[float]) -> Vectors:
    started, used = time.perf_counter(), time.process_time()
    vectors = encode()
    took.append(time.perf_counter() - started)
    cpu.append(time.process_time() - used)
    return vectors


def median_ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def top10_overlap(found: Vectors, expected: Vectors, queries: int = 500) -> float:
    """Share of each text's ten nearest others that both engines agree on."""

    def nearest(vectors: Vectors) -> NDArray[np.int64]:
        scores = vectors[:queries] @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        return np.argpartition(-scores, 10, axis=1)[:, :10]

    pairs = zip(nearest(found), nearest(expected), strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs]))


def query_ms(encode_query: Callable[[list[str]], Vectors]) -> float:
    """Median milliseconds of one warm query of nine tokens."""
    took: list[float] = []
    for _ in range(50):
        timed(lambda: encode_query(["how fast does sound travel in water"]), took, [])
    return 1000 * statistics.median(took)


if __name__ == "__main__":
    main()
