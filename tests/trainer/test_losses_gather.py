"""Two processes with half a batch each, against one process with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.models import WORDS  # noqa: E402
from trainer.losses import Objective  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CASES = [("pairs", 2), ("triplets", 4), ("negatives", 3), ("cosent", 2), ("distil", 1)]
ROWS = 10
HALVES = {"even": (5, 5), "uneven": (7, 3)}


def opened(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").double().eval()


def batch(name: str, count: int) -> tuple[list[list[str]], Any]:
    """Texts that repeat across the halves, so that copies must be seen across processes."""
    columns = [
        [" ".join(WORDS[(7 * column + row % 8) :][: 3 + row % 4]) for row in range(ROWS)] for column in range(count)
    ]
    noise = torch.Generator().manual_seed(1)
    teacher = torch.randn(ROWS, 32, generator=noise, dtype=torch.float64)
    return columns, {"cosent": torch.arange(ROWS) % 4, "distil": teacher}.get(name)


def features(model: Any, columns: list[list[str]], labels: Any, rows: slice) -> tuple[list[Any], Any]:
    return [model.preprocess(column[rows]) for column in columns], None if labels is None else labels[rows]


def settings(model_folder: Path, cached: int | None, gather: bool) -> dict[str, Any]:
    return {"cached": cached, "gather": gather, "matryoshka": (32, 16), "guide": opened(model_folder)}


def trials() -> list[tuple[str, int, str, int | None]]:
    return [(name, count, halves, cached) for name, count in CASES for halves in HALVES for cached in (None, 2)]


def worker(model_folder: Path, out: Path) -> None:
    """One of the processes: each trial's loss and gradients, as DistributedDataParallel leaves them."""
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    from indexer.errors import UserError

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, found = dist.get_rank(), []
    for name, count, halves, cached in trials():
        model = opened(model_folder)
        objective = Objective(model, name, **settings(model_folder, cached, True))
        # As transformers wraps it: BERT's pooler is not used by mean pooling.
        objective.model = DistributedDataParallel(model, find_unused_parameters=True)
        start = sum(HALVES[halves][:rank])
        columns, labels = features(model, *batch(name, count), slice(start, start + HALVES[halves][rank]))
        loss = objective(columns, labels)
        loss.backward()
        gradients = {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
        found.append((loss.detach(), gradients))
    refused = ""
    try:
        model = opened(model_folder)
        columns, labels = features(model, *batch("pairs", 2), slice(0, 4))
        Objective(model, ("pairs", "cosent")[rank], gather=True)(columns, torch.ones(4))
    except UserError as error:
        refused = str(error)
    (out / f"{rank}.json").write_text(json.dumps(refused))
    torch.save(found, out / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def processes(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[str]]:
    """What two processes found, started as a user would start them."""
    out = tmp_path_factory.mktemp("gather")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    this = ["--module", "tests.trainer.test_losses_gather", str(tiny_model), str(out)]
    done = subprocess.run([*torchrun, *this], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [torch.load(out / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return found, [json.loads((out / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("trial", trials(), ids=str)
def test_two_processes_give_the_loss_and_gradients_of_the_whole_batch(
    tiny_model: Path, processes: tuple[list[Any], list[str]], trial: tuple[str, int, str, int | None]
) -> None:
    name, count, *_ = trial
    model = opened(tiny_model)
    columns, labels = features(model, *batch(name, count), slice(None))
    loss = Objective(model, name, **settings(tiny_model, None, False))(columns, labels)
    loss.backward()
    expected = {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
    for found in processes[0]:
        value, gradients = found[trials().index(trial)]
        assert value.item() == pytest.approx(loss.item(), abs=1e-9)
        assert {key for key in gradients if gradients[key].abs().max() > 0} <= expected.keys()
        for key in expected:
            torch.testing.assert_close(gradients[key], expected[key], rtol=1e-7, atol=1e-9)


def test_gathering_is_what_makes_the_difference(tiny_model: Path) -> None:
    """Half a batch has another loss: the comparison above is not one of equal things."""
    model = opened(tiny_model)
    whole, half = (
        Objective(model, "pairs")(*features(model, *batch("pairs", 2), rows)).item() for rows in (slice(None), slice(5))
    )
    assert abs(whole - half) > 0.1


def test_processes_with_different_losses_are_refused_not_left_waiting(
    processes: tuple[list[Any], list[str]],
) -> None:
    for rank, said in enumerate(processes[1]):
        assert "batches of different losses" in said
        assert f"process {rank}" in said
        assert "same seed" in said


if __name__ == "__main__":
    worker(Path(sys.argv[1]), Path(sys.argv[2]))
