"""How fast and how right is every plan of vector search, beside plain FAISS on the same vectors in the same run?

One JSON line: recall@10 against exact answers, milliseconds for a single query and queries/s in batches of 64, processor
seconds to build and megabytes, for our plans and for FAISS's own searches: Flat, `PQ…x4fs,RFlat` (k_factor 5), `HNSW32` at
two breadths, `IVF…,Flat` and `IVF…,PQ…x4fs,RFlat` with as many lists and probes as our plan. Times are medians over
interleaved rounds (processor time where there is one thread); `single_ratio` is to FAISS Flat, `peers_ratio` to the FAISS
search of the same kind. Then our plans under filters, the nearest half forbidden among them. All run on `--threads` FAISS threads; NumPy's matrix products follow
OPENBLAS_NUM_THREADS. Without `--vectors FILE.npy` the vectors are synthetic: clusters on a decaying spectrum. `--plans`
leaves plans out, and with them their peers (a graph of a million takes minutes).
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
PLANS = ("exact", "fastscan", "ivf", "hnsw")
# FAISS's own search of the same kind: the name of the engine a plan is compared with.
PEER_OF = {
    "exact": "faiss Flat",
    "fastscan": "faiss PQ4fs,RFlat",
    "ivf": "faiss IVF,PQ4fs,RFlat",
    "hnsw": "faiss HNSW32 ef 256",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--vectors", type=Path, help="float32 .npy [rows, dim], unit length; the last 256 become queries"
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384, help="of synthetic vectors")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plans", default=",".join(PLANS), help="which of them, after a comma each")
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    everything = (
        np.load(options.vectors, mmap_mode="r")[-options.rows - QUERIES :]
        if options.vectors
        else clustered(options.rows + QUERIES, options.dim)
    )
    vectors, queries = everything[:-QUERIES], np.ascontiguousarray(everything[-QUERIES:])
    kinds = options.plans.split(",")
    source = Path(options.vectors or "synthetic").name
    print(json.dumps(report(vectors, queries, kinds, options.threads, options.rounds, source)))


def report(
    vectors: Floats, queries: Floats, kinds: list[str], threads: int, rounds: int, source: str
) -> dict[str, object]:
    ours, built = {}, {}
    for kind in kinds:
        ours[kind], built[kind] = open_plan(vectors, kind, threads)
    engines = {kind: searcher(index, None) for kind, index in ours.items()}
    for name, make in peers(vectors.shape, kinds).items():
        engines[name], built[name] = make(np.asarray(vectors))
    return {
        "benchmark": "index",
        "vectors": {"source": source, "rows": len(vectors), "dim": vectors.shape[1]},
        "threads": threads,
        "machine": machine(),
        "planned": plan_index(*vectors.shape).kind,
        "built": built,
        "engines": compare(engines, queries, truth(vectors, queries, None), rounds),
        "filtered": {str(share): filtered(ours, vectors, queries, share, rounds) for share in SELECTIVITIES},
        "nearest half forbidden": {kind: far(index, vectors, queries[:16]) for kind, index in ours.items()},
    }


def open_plan(vectors: Floats, kind: str, threads: int) -> tuple[Index, dict[str, float]]:
    plan = plan_index(*vectors.shape, override=kind)
    start = time.process_time()
    blob = build_index(vectors, plan, threads=threads)
    built = {"processor_seconds": round(time.process_time() - start, 1), "stated_mb": round(plan.memory_bytes / 1e6, 1)}
    size = vectors.nbytes if blob is None else len(blob)
    return Index(vectors, blob, plan, threads=threads), built | {"mb": round(size / 1e6, 1)}


def searcher(index: Index, among: Ids | None) -> Search:
    return lambda queries: index.search(queries, K, among=among).ids


def peers(shape: tuple[int, ...], kinds: list[str]) -> dict[str, Callable[[Floats], tuple[Search, dict[str, float]]]]:
    """FAISS alone, in the same settings as the plans asked for: each made only when it is its turn."""
    rows, dim = shape
    made = {"faiss Flat": lambda vectors: plain(vectors, "Flat", {})}
    pieces = f"PQ{dim // 2}x4fs,RFlat"
    if "fastscan" in kinds:
        made["faiss PQ4fs,RFlat"] = lambda vectors: plain(vectors, pieces, {"k_factor_rf": 5})
    if "ivf" in kinds:
        lists = int(str(plan_index(rows, dim, override="ivf").factory).split(",")[0][3:])
        probes = {"nprobe": min(lists, max(16, lists // 8))}
        made["faiss IVF,Flat"] = lambda vectors: plain(vectors, f"IVF{lists},Flat", probes)
        made["faiss IVF,PQ4fs,RFlat"] = lambda vectors: plain(
            vectors, f"IVF{lists},{pieces}", probes | {"k_factor_rf": 5}
        )
    if "hnsw" in kinds:
        for reach in (64, 256):
            made[f"faiss HNSW32 ef {reach}"] = lambda vectors, reach=reach: plain(
                vectors, "HNSW32", {"efSearch": reach}
            )
    return made


def plain(vectors: Floats, factory: str, settings: dict[str, int]) -> tuple[Search, dict[str, float]]:
    start = time.process_time()
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    lists = 2048 if "IVF" in factory else 256
    index.train(vectors[np.sort(np.random.default_rng(0).permutation(len(vectors))[: 64 * lists])])
    faiss.omp_set_num_threads(threads)
    index.add(vectors)
    for name, value in settings.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    size = len(faiss.serialize_index(index)) / 1e6
    seconds = time.process_time() - start
    return lambda queries: index.search(queries, K)[1], {"processor_seconds": round(seconds, 1), "mb": round(size, 1)}


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
            **({"peers_ratio": round(single[peer] / single[name], 2)} if (peer := PEER_OF.get(name)) in single else {}),
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


def far(index: Index, vectors: Floats, queries: Floats) -> float:
    """recall@10 where everything near the query is forbidden: each query has its own filter."""
    found, right = [], []
    for query in queries[:, None]:
        scores = np.asarray(vectors) @ query[0]
        among = np.sort(np.argsort(scores)[: len(vectors) // 2]).astype(np.int64)
        found.append(index.search(query, K, among=among).ids[0])
        near = among[np.argsort(-scores[among])[: 4 * K]]  # scores lie densely here: single precision swaps neighbours
        exact = (np.asarray(vectors)[near].astype(np.float64) @ query[0].astype(np.float64)).astype(np.float32)
        right.append(near[np.lexsort((near, -exact))[:K]])
    return round(recall(np.array(found), np.array(right)), 4)


def clock(search: Search, queries: Floats) -> float:
    """Processor seconds on one thread, which a busy machine does not stretch; else seconds of the clock."""
    now = time.process_time if faiss.omp_get_max_threads() == 1 else time.perf_counter
    start = now()
    search(queries)
    return now() - start


def truth(vectors: Floats, queries: Floats, among: Ids | None) -> Ids:
    rows = np.arange(len(vectors)) if among is None else among
    some = np.asarray(vectors) if among is None else np.asarray(vectors)[among]
    best = np.empty((len(queries), K), np.int64)
    for number, query in enumerate(queries):
        scores = some @ query
        near = np.argpartition(-scores, K)[:K]
        best[number] = rows[near]
    return best


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
