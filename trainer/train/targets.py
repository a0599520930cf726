"""What distillation aims at: the start model's own vectors of the texts that will be drawn, computed once.

Texts are embedded in blocks of fixed size in the order of the rows, so a resumed training, which finds the file or makes it
again, aims at the same numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from safetensors.numpy import load, save

from indexer.files import digest, write_bytes
from indexer.progress import Watcher
from trainer.train.data import Rows
from trainer.train.plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

BLOCK = 1024  # texts


def with_targets(
    rows: list[Rows], plan: Plan, start: SentenceTransformer, work: Path, watch: Watcher
) -> tuple[list[Rows], Plan]:
    """The same with a `label` column of vectors beside every text of `distil`; of those only what the plan draws is kept."""
    made, drawn = list(rows), plan.rows.copy()
    for number, source in enumerate(rows):
        if source.data.loss != "distil" or "label" in source.columns.column_names:
            continue
        steps = plan.sources == number
        used, places = np.unique(plan.rows[steps], return_inverse=True)
        drawn[steps] = places.reshape(-1, drawn.shape[1])
        kept = source.taken(used)
        vectors = _targets(kept.columns["anchor"].to_pylist(), start, work, watch)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
        made[number] = kept.with_label(column)
    return made, Plan(plan.sources, drawn, plan.left_out)


def _targets(texts: list[str], start: SentenceTransformer, work: Path, watch: Watcher) -> NDArray[np.float32]:
    """[texts, dim] of the start model, read if they are there."""
    file = work / f"targets-{digest([texts, start.max_seq_length])[:16]}.safetensors"
    if file.is_file():
        found: NDArray[np.float32] = load(file.read_bytes())["vectors"]
        return found
    start.eval()
    blocks = []
    for first in range(0, len(texts), BLOCK):
        with torch.no_grad():
            block = start.encode(texts[first : first + BLOCK], batch_size=64, show_progress_bar=False)
        blocks.append(np.asarray(block, np.float32))
        watch("embedding by the start", min(first + BLOCK, len(texts)), len(texts))
    vectors = np.concatenate(blocks) if blocks else np.empty((0, 1), np.float32)
    write_bytes(file, save({"vectors": vectors}))
    return vectors
