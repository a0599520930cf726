"""Learning words by guessing hidden ones: what a model from scratch does before it is shown any pairs.

A short loop of our own over any encoder (ALiBi BERT, T5's, BERT): windows of text, a share of their words hidden, the
cross-entropy of the hidden ones under a head that is kept beside the model. Each step's batch, hidden words and dropout
follow from the seed and the step's number alone, so a killed run goes on to the same weights. What comes out is a
sentence-transformers folder that `start` opens.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from indexer.encode.folder import read_folder
from indexer.errors import UserError
from indexer.files import canonical_json, digest, publish_folder, remove_folder, write_bytes
from indexer.progress import Progress, Watcher, unwatched
from trainer.backbones.guessing import HEAD, guesses, new_head
from trainer.backbones.hiding import Fates, Vocabulary, hide
from trainer.backbones.windows import Windows, windows_of
from trainer.train import checkpoints
from trainer.train.callbacks import lacks_memory
from trainer.train.checkpoints import Place

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CARD = "masked.json"
SORTED = 16  # batches within which windows are grouped by length, so that little is padding


@dataclass(frozen=True, slots=True)
class Masking:
    """How long, how much at once, how fast. `share`: of the words hidden."""

    steps: int  # of guessing
    batch: int = 32  # texts of a step
    max_tokens: int = 512  # longer texts are cut
    learning_rate: float = 5e-4  # the highest, after the warm-up
    warmup: float = 0.1  # share of the steps; from there the rate falls to nothing in a straight line
    weight_decay: float = 0.01  # of AdamW
    clip: float = 1.0  # longest gradient
    share: float = 0.3
    precision: Literal["fp32", "bf16"] = "fp32"  # how it computes
    checkpoint_every: int = 200  # steps


@dataclass(frozen=True, slots=True)
class Masked:
    """A finished run: its folder, the losses of its first and last step, and whether it was there already."""

    folder: Path
    steps: int
    first_loss: float
    last_loss: float
    unchanged: bool = False


def learn_words(
    model: SentenceTransformer,
    texts: Iterable[str],
    out: Path,
    masking: Masking,
    *,
    seed: int = 0,
    watch: Watcher = unwatched,
) -> Masked:
    """Train `model`, in place, on its own device, and publish it as `out`; or go on where a killed run of the same was.

    Raises UserError for settings that cannot be meant, texts without words, an `out` that holds something else, and, within
    the step, for a loss or gradient that is not a finite number and for memory that is not enough.
    """
    _check(masking)
    windows = windows_of(texts, model.tokenizer, masking.max_tokens)
    identity = digest([asdict(masking), seed, windows.digest(), _digest(model), torch.__version__])
    work = out.with_name(f".{out.name}.learning")
    done = _finished(out, identity)
    if done is not None:
        remove_folder(work)
        return done
    _begin(work, identity)
    run = Run(model, windows, masking, seed, work)
    run.resume()
    while run.place.step < masking.steps:
        try:
            run.step()
        except (RuntimeError, MemoryError) as error:
            if lacks_memory(error):
                raise _out_of_memory(masking) from error
            raise
        run.tell(watch)
    return _publish(run, out, identity)


class Run:
    """A run on its way: encoder and head, the optimizer, and the place in it."""

    def __init__(self, model: SentenceTransformer, windows: Windows, masking: Masking, seed: int, work: Path) -> None:
        self.model, self.windows, self.masking, self.seed, self.work = model, windows, masking, seed, work
        self.vocabulary = Vocabulary.of(model.tokenizer)
        self.encoder = model[0].model
        self.head = new_head(model, seed).to(model.device)
        self.learnt = nn.ModuleDict({"encoder": self.encoder, "head": self.head})
        self.optimizer = _optimizer(self.learnt, masking)
        self.place = Place()

    def resume(self) -> None:
        """From the newest complete checkpoint, if there is one."""
        checkpoints.remove_incomplete(self.work)
        found = checkpoints.newest_checkpoint(self.work)
        if found is not None:
            self.place, folder = found
            checkpoints.restore(self.learnt, checkpoints.read_tensors(folder, "weights"))
            tensors = checkpoints.read_tensors(folder, "optimizer")
            checkpoints.restore_optimizer(self.learnt, self.optimizer, tensors)

    def step(self) -> None:
        """One batch, one change of the weights."""
        step = self.place.step
        rows = _rows(self.windows, self.masking.batch, self.seed, step)
        torch.manual_seed(_number(self.seed, "dropout", step))
        self.learnt.train()
        loss = self._loss(rows, np.random.default_rng([self.seed, step]))
        self._refuse_not_finite("loss", float(loss.detach()), rows)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        length = nn.utils.clip_grad_norm_(self.learnt.parameters(), self.masking.clip)
        self._refuse_not_finite("gradient", float(length), rows)
        for group in self.optimizer.param_groups:
            group["lr"] = self.masking.learning_rate * share_of_rate(step, self.masking)
        self.optimizer.step()
        told = float(loss.detach())
        first = told if self.place.first_loss is None else self.place.first_loss
        self.place = replace(self.place, step=step + 1, steps=step + 1, first_loss=first, last_loss=told)
        if self.place.step % self.masking.checkpoint_every == 0 and self.place.step < self.masking.steps:
            self.save()

    def _loss(self, rows: list[int], noise: np.random.Generator) -> Tensor:
        """Mean cross-entropy of the hidden pieces, in nats; the vocabulary is scored at those places only."""
        ids, words = self.windows.batch(rows, self.vocabulary.padding)
        shown, hidden = hide(ids, words, self.vocabulary, noise, Fates(self.masking.share))
        lengths = self.windows.lengths[rows]
        device = self.model.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.masking.precision == "bf16"):
            scores = guesses(self.encoder, self.head, shown, lengths, hidden, device)
        return cross_entropy(scores.float(), torch.from_numpy(ids[hidden]).to(device))

    def _refuse_not_finite(self, what: str, number: float, rows: list[int]) -> None:
        if not math.isfinite(number):
            texts = sorted({int(row) for row in self.windows.texts[rows]})
            more = " …" if len(texts) > 8 else ""
            given = f"step {self.place.step + 1}, texts {', '.join(map(str, texts[:8]))}{more}"
            todo = "Look at these texts; lower learning_rate or clip, or train in fp32."
            raise UserError(f"The {what} is not a finite number any more; nothing was published.", given, todo)

    def save(self) -> None:
        """A checkpoint, which counts once its marker is written."""
        files = {
            "weights": checkpoints.trainable(self.learnt),
            "optimizer": checkpoints.optimizer_tensors(self.learnt, self.optimizer),
        }
        checkpoints.write_checkpoint(self.work, self.place, files)

    def tell(self, watch: Watcher) -> None:
        """Progress in windows, and the loss."""
        if isinstance(watch, Progress):
            watch.note = f"loss {self.place.last_loss:.3f}"
        watch("learning words", self.place.step * self.masking.batch, self.masking.steps * self.masking.batch)


def share_of_rate(step: int, masking: Masking) -> float:
    """The learning rate at a step, from 0, as a share of the largest."""
    warm = round(masking.warmup * masking.steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return (masking.steps - step) / max(1, masking.steps - warm)


def _rows(windows: Windows, batch: int, seed: int, step: int) -> list[int]:
    """The windows of a step: every window once an epoch, those of similar length together."""
    batch = min(batch, len(windows))
    epoch, place = divmod(step, len(windows) // batch)
    return [int(row) for row in _epoch(windows, batch, seed, epoch)[place]]


@lru_cache(maxsize=1)
def _epoch(windows: Windows, batch: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """[batches, batch] rows of one epoch; what is left over at its end is seen in others."""
    noise = np.random.default_rng([seed, epoch, len(windows)])
    order, lengths = noise.permutation(len(windows)), windows.lengths
    groups = np.split(order, range(batch * SORTED, len(order), batch * SORTED))
    order = np.concatenate([group[np.argsort(lengths[group], kind="stable")] for group in groups])
    batches = order[: len(order) // batch * batch].reshape(-1, batch)
    return batches[noise.permutation(len(batches))]


def _optimizer(learnt: nn.Module, masking: Masking) -> torch.optim.Optimizer:
    """AdamW; biases and norms do not decay."""
    kinds = ([one for one in learnt.parameters() if (one.ndim >= 2) == matrix] for matrix in (True, False))
    matrices, vectors = kinds
    groups = [{"params": matrices, "weight_decay": masking.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=masking.learning_rate, fused=True)


def _check(masking: Masking) -> None:
    for name in ("steps", "batch", "max_tokens", "learning_rate", "clip", "checkpoint_every"):
        if not 0 < getattr(masking, name) < math.inf:
            raise UserError(f"{name} must be above 0.", getattr(masking, name), "Give a larger number.")
    if not (0 < masking.share < 1 and 0 <= masking.warmup < 1 and masking.weight_decay >= 0):
        raise UserError("share and warmup are shares, weight_decay is not negative.", masking, "Mend them.")


def _out_of_memory(masking: Masking) -> UserError:
    given = f"batch {masking.batch}, max_tokens {masking.max_tokens}"
    return UserError("The memory is not enough for a step of learning words.", given, "lower batch or max_tokens")


def _number(*parts: object) -> int:
    """A seed for torch that follows from the parts alone."""
    return int(digest([str(part) for part in parts])[:15], 16)


def _digest(model: SentenceTransformer) -> str:
    tensors = sorted(model.state_dict().items())
    return digest(
        [[name, hashlib.sha256(tensor.cpu().float().numpy().tobytes()).hexdigest()] for name, tensor in tensors]
    )


def _finished(out: Path, identity: str) -> Masked | None:
    if not out.exists():
        return None
    card = json.loads((out / CARD).read_bytes()) if (out / CARD).is_file() else {}
    if card.get("identity") != identity:
        raise UserError("The output exists and is not this run's.", out, "Name a new folder, or remove this one.")
    return Masked(out, card["steps"], card["first_loss"], card["last_loss"], unchanged=True)


def _begin(work: Path, identity: str) -> None:
    """Keep what a killed run of the same left; throw away what is another's."""
    file = work / "identity.json"
    if not file.is_file() or json.loads(file.read_bytes()) != identity:
        remove_folder(work)
        write_bytes(file, canonical_json(identity))


def _publish(run: Run, out: Path, identity: str) -> Masked:
    ready, place = run.work / "ready", run.place
    remove_folder(ready)
    run.model.eval().save_pretrained(str(ready), create_model_card=False)
    read_folder(ready).refuse_broken_weights()  # the last step may have been the one that spoilt them
    own = {name: tensor.detach().cpu() for name, tensor in run.head.state_dict().items() if name != "decoder.weight"}
    write_bytes(ready / HEAD, save(own))
    losses = {"first_loss": place.first_loss, "last_loss": place.last_loss, "steps": place.step}
    told = {"identity": identity, "masking": asdict(run.masking), "seed": run.seed, "windows": len(run.windows)}
    write_bytes(ready / CARD, canonical_json(told | losses))
    publish_folder(ready, out)
    remove_folder(run.work)
    return Masked(out, place.step, float(place.first_loss or 0), float(place.last_loss or 0))
