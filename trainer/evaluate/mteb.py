"""Tasks of the mteb package on local copies of their data: the optional extra `mteb`, imported by nobody else.

A task is named as mteb names it and followed by where its data lie: `SciFact=data/scifact` (a BEIR folder) or
`STS12=data/sts12` (files by split with sentence1, sentence2, score). Without a folder mteb reads its own cache. Nothing is
fetched either way. mteb tells a score per task and no value per item, so these figures have no interval.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encode import Encoder
from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.evaluate.reading import read_set
from trainer.evaluate.suite import Set

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


@dataclass(frozen=True, slots=True)
class TaskScore:
    """The main score of a task of mteb, as mteb tells it."""

    task: str
    split: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Task:
    """A task's name, and the folder of its data."""

    name: str
    folder: Path | None


def parse_tasks(asked: str) -> tuple[Task, ...]:
    """`SciFact=data/scifact,STS12` → tasks. Raises UserError when none is named, or a folder is not there."""
    parts = [part.strip().partition("=") for part in asked.split(",") if part.strip()]
    tasks = tuple(Task(name.strip(), Path(folder.strip()) if folder else None) for name, _, folder in parts)
    if not tasks:
        raise UserError("No task of mteb is named.", repr(asked), "name some: --mteb SciFact=data/scifact")
    absent = next((task for task in tasks if task.folder and not task.folder.is_dir()), None)
    if absent is not None:
        raise UserError(f"The data of task {absent.name!r} are not there.", absent.folder, "name their folder")
    return tasks


def opened() -> Any:
    """The mteb package, kept from fetching anything. Raises UserError when it is not installed."""
    for name in OFFLINE:
        os.environ.setdefault(name, "1")
    try:
        import mteb
    except ImportError as error:
        todo = "install the extra: pip install 'searchapp[mteb]'"
        raise UserError("Tasks of mteb need the mteb package.", error, todo) from error
    import datasets

    datasets.disable_progress_bars()  # stderr belongs to our own progress
    return mteb


def measure_tasks(encoder: Encoder, tasks: Sequence[Task], watch: Watcher) -> list[TaskScore]:
    """Run the tasks one by one and tell their main scores by split."""
    mteb = opened()
    model = _model(mteb, encoder)
    scores = []
    for number, task in enumerate(tasks):
        watch("tasks of mteb", number, len(tasks))
        ready = _task(mteb, task)
        result = mteb.evaluate(model, ready, cache=None, show_progress_bar=False, co2_tracker=False).task_results[0]
        for split, subsets in result.scores.items():
            value = float(np.mean([subset["main_score"] for subset in subsets]))
            scores.append(TaskScore(task.name, split, ready.metadata.main_score, value))
    watch("tasks of mteb", len(tasks), len(tasks))
    return scores


def _task(mteb: Any, task: Task) -> Any:
    """mteb's own task; with a folder its data come from there, and only its English part is asked."""
    try:
        found = mteb.get_task(task.name)
    except KeyError as error:
        raise UserError("mteb knows no such task.", task.name, str(error.args[0])[:300]) from error
    if task.folder is not None:
        found.dataset = _data(found, task)
        found.data_loaded = True
        found.dataset_transform()
    return found


def _data(found: Any, task: Task) -> dict[str, Any]:
    """A task's data as mteb holds them once loaded, by subset and split."""
    from datasets import Dataset

    kind = str(found.metadata.type)
    assert task.folder is not None
    if kind not in ("Retrieval", "STS") or found.metadata.is_multilingual:
        raise UserError(
            f"Local data of {kind} tasks cannot be given.", task.name, "name a monolingual retrieval or STS task"
        )
    if kind == "STS":
        return {split: Dataset.from_list(_rows("sts", task, split)) for split in found.eval_splits}
    return {"default": {split: _retrieval(task, split) for split in found.eval_splits}}


def _rows(kind: str, task: Task, split: str) -> list[dict[str, Any]]:
    assert task.folder is not None
    return read_set(Set(task.name, kind, task.folder, split)).rows


def _retrieval(task: Task, split: str) -> dict[str, Any]:
    from datasets import Dataset

    assert task.folder is not None
    read = read_set(Set(task.name, "retrieval", task.folder, split))
    return {
        "corpus": Dataset.from_dict(
            {"id": list(read.corpus), "title": [""] * len(read.corpus), "text": list(read.corpus.values())}
        ),
        "queries": Dataset.from_dict({"id": read.texts("id"), "text": read.texts("query")}),
        "relevant_docs": {row["id"]: {doc: int(grade) for doc, grade in row["judged"].items()} for row in read.rows},
        "top_ranked": None,
    }


def _model(mteb: Any, encoder: Encoder) -> Any:
    """The encoder under the names that mteb calls."""
    from mteb.models.model_meta import ModelMeta
    from mteb.similarity_functions import cos_sim, pairwise_cos_sim

    class Model:
        mteb_model_meta = ModelMeta.create_empty()

        def encode(self, inputs: Any, *, prompt_type: Any = None, **told: Any) -> NDArray[np.float32]:
            del told
            texts = [text for batch in inputs for text in batch["text"]]
            query = getattr(prompt_type, "value", prompt_type) == "query"
            return encoder.encode_query(texts) if query else encoder.encode_document(texts)

        similarity = staticmethod(cos_sim)
        similarity_pairwise = staticmethod(pairwise_cos_sim)

    del mteb
    return Model()
