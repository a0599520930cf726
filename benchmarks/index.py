"""How fast and how right is vector search, beside plain FAISS on the same vectors in the same run?

One JSON line: recall@10 against exact answers, milliseconds for a single query and queries/s in batches of 64, for our
exact and fast-scan plans and for FAISS's Flat and `PQ…x4fs,RFlat` (k_factor 5), every figure a median over interleaved
rounds; ratios are to FAISS Flat. Then our plans under filters. All run on `--threads` FAISS threads; NumPy's matrix
products follow OPENBLAS_NUM_THREADS. Without `--vectors FILE.npy` the vectors are synthetic: clusters on a decaying
spectrum.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from indexer.index import Index, build_index
from indexer.plan import plan_index

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Search = Callable[[Floats], Ids]
K, BATCH, QUERIES = 10, 64, 256
SELECTIVITIES = (0.5, 0.05, 0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--vectors", type=Path, help="float32 .npy [rows, dim], unit length; the last 256 become queries"
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384, help="of synthetic vectors")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    everything = (
        np.load(options.vectors, mmap_mode="r")[-options.rows - QUERIES :]
        if options.vectors
        else clustered(options.rows + QUERIES, options.dim)
    )
    vectors, queries = everything[:-QUERIES], np.ascontiguousarray(everything[-QUERIES:])
    print(json.dumps(report(vectors, queries, options.threads, options.rounds, str(options.vectors or "synthetic"))))


def report(vectors: Floats, queries: Floats, threads: int, rounds: int, source: str) -> dict[str, object]:
    ours, seconds = {}, {}
    for kind in ("exact", "fastscan"):
        plan = plan_index(*vectors.shape, override=kind)
        start = time.perf_counter()
        ours[kind] = Index(vectors, build_index(vectors, plan, threads=threads), plan, threads=threads)
        seconds[kind] = time.perf_counter() - start
    engines = {kind: searcher(index, None) for kind, index in ours.items()}
    engines |= peers(vectors)
    return {
        "benchmark": "index",
        "vectors": {"source": Path(source).name, "rows": len(vectors), "dim": vectors.shape[1]},
        "threads": threads,
        "machine": machine(),
        "planned": plan_index(*vectors.shape).kind,
        "build_seconds": {kind: round(value, 2) for kind, value in seconds.items()},
        "engines": compare(engines, queries, truth(vectors, queries, None), rounds),
        "filtered": {str(share): filtered(ours, vectors, queries, share, rounds) for share in SELECTIVITIES},
    }


def searcher(index: Index, among: Ids | None) -> Search:
    return lambda queries: index.search(queries, K, among=among).ids


def peers(vectors: Floats) -> dict[str, Search]:
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(np.asarray(vectors))
    codes = faiss.index_factory(vectors.shape[1], f"PQ{vectors.shape[1] // 2}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    codes.train(np.asarray(vectors[:16_384]))
    faiss.omp_set_num_threads(threads)
    codes.add(np.asarray(vectors))
    codes.k_factor = 5
    return {"faiss Flat": lambda q: flat.search(q, K)[1], "faiss PQ4fs,RFlat": lambda q: codes.search(q, K)[1]}


def compare(engines: dict[str, Search], queries: Floats, right: Ids, rounds: int) -> dict[str, dict[str, float]]:
    singles: dict[str, list[float]] = {name: [] for name in engines}
    batches: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(rounds):  # interleaved, so that a busy moment of the machine hits all alike
        for name, search in engines.items():
            singles[name] += [clock(search, queries[number : number + 1]) for number in range(turn * 8, turn * 8 + 8)]
            batches[name].append(clock(search, queries[:BATCH]))
    single = {name: statistics.median(times) for name, times in singles.items()}
    batch = {name: statistics.median(times) for name, times in batches.items()}
    return {
        name: {
            "recall@10": round(recall(search(queries), right), 4),
            "single_ms": round(single[name] * 1e3, 3),
            "batch64_queries_per_second": round(BATCH / batch[name], 1),
            "single_ratio": round(single["faiss Flat"] / single[name], 2) if "faiss Flat" in single else 1.0,
            "batch64_ratio": round(batch["faiss Flat"] / batch[name], 2) if "faiss Flat" in batch else 1.0,
        }
        for name, search in engines.items()
    }


def filtered(
    ours: dict[str, Index], vectors: Floats, queries: Floats, share: float, rounds: int
) -> dict[str, dict[str, float]]:
    count = int(len(vectors) * share)
    among = np.sort(np.random.default_rng(0).choice(len(vectors), count, replace=False)).astype(np.int64)
    engines = {kind: searcher(index, among) for kind, index in ours.items()}
    figures = compare(engines, queries, truth(vectors, queries, among), rounds)
    return {kind: {key: row[key] for key in ("recall@10", "single_ms")} for kind, row in figures.items()}


def clock(search: Search, queries: Floats) -> float:
    start = time.perf_counter()
    search(queries)
    return time.perf_counter() - start


def truth(vectors: Floats, queries: Floats, among: Ids | None) -> Ids:
    rows = np.arange(len(vectors)) if among is None else among
    scores = queries @ np.asarray(vectors)[rows].T
    return rows[np.argsort(-scores, axis=1, kind="stable")[:, :K]]


def recall(found: Ids, right: Ids) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), right.tolist(), strict=True)]))


def clustered(rows: int, dim: int) -> Floats:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(8, rows // 40), dim), np.float32)
    vectors = centres[rng.integers(len(centres), size=rows)] + 0.9 * rng.standard_normal((rows, dim), np.float32)
    vectors *= (1 + np.arange(dim, dtype=np.float32)) ** -0.35
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


if __name__ == "__main__":
    main()
