"""A training on one screen of TOML: where it starts, its phases in order, and what must not get worse.

A phase is a value: its data, each with a loss, and how long it runs at which rate. There is one loop, and phases differ
only in what stands here. The whole recipe is checked before a model is opened; an unknown key is answered with the nearest
known one. Paths are relative to the recipe's own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from indexer.errors import UserError
from trainer.examples import Task
from trainer.recipe import parsed, read_toml, refuse_unknown, tables, typed

Loss = Literal["pairs", "triplets", "negatives", "cosent", "distil"]
RETRIEVAL_PROMPTS = {"query": "query: ", "document": "passage: "}
GIVEN: dict[str, Any] = {"given": True}  # fields that a table of their own gives


@dataclass(frozen=True, slots=True)
class Data:
    """What a phase draws from: a folder of `trainer prepare`, or one .jsonl or .parquet file of examples; and its loss."""

    path: Path  # a folder of `trainer prepare`, a .jsonl or a .parquet file
    loss: Loss
    rows: Literal["auto", "pairs", "triplets"] = "auto"  # of a prepared folder; auto: what the loss needs
    sources: tuple[str, ...] = ()  # all
    weight: float = 1.0  # beside size × the source's own weight
    turned: bool = False  # the positive is the anchor, and the anchor its positive
    temperature: float = 0.05  # of the contrastive losses
    margin: float = 0.05  # of `triplets`: how much nearer the positive shall be
    cosine: float = 1.0  # of `distil`: weight of staying near the start's vectors
    structure: float = 1.0  # of `distil`: weight of staying near its similarities
    guide: str | Path | None = None  # a model that says which rows of a batch are no negatives
    guide_margin: float = 0.0  # how far below the positive's score the guide begins to refuse

    @property
    def kind(self) -> str:
        """`pairs` or `triplets`."""
        needed = "triplets" if self.loss in ("triplets", "negatives") else "pairs"
        return needed if self.rows == "auto" else self.rows


@dataclass(frozen=True, slots=True)
class Phase:
    """So many steps over some data. `batch` counts the examples of a step, whatever the number of processes."""

    name: str  # as log and card tell it
    steps: int
    batch: int
    learning_rate: float  # the highest, after the warm-up
    data: tuple[Data, ...] = field(default=(), metadata=GIVEN)
    warmup: float = 0.1  # share of the steps
    schedule: Literal["linear", "cosine", "constant"] = "linear"  # how the rate falls after the warm-up
    weight_decay: float = 0.0  # of AdamW
    clip: float = 1.0  # longest gradient
    max_tokens: int = 128  # longer inputs are cut in training
    matryoshka: tuple[int, ...] = ()  # dimensions at which the loss is taken and added up
    cached: int | None = None  # rows per forward pass; None: the whole batch at once
    negatives: int = 1  # of each triplet
    dropout: float | None = None  # None: as the model has it
    window: int = 32  # batches within which rows are grouped by length; 1: not grouped


@dataclass(frozen=True, slots=True)
class Lora:
    """Train small matrices beside the frozen ones (Hu et al. 2021, arXiv 2106.09685); `targets` are names of layers."""

    rank: int = 16  # of the matrices
    alpha: int = 32  # they count alpha / rank times
    dropout: float = 0.0  # before them
    targets: tuple[str, ...] = ("query", "key", "value", "dense")


@dataclass(frozen=True, slots=True)
class Guard:
    """An evaluation every so many steps: training stops when a figure fell by more than its limit."""

    suite: Path  # a file as `trainer evaluate` takes it
    limits: Mapping[str, float]  # "set metric" → how far it may fall, on the metric's own scale
    every: int = 200


@dataclass(frozen=True, slots=True)
class Adapter:
    """A model of its own for one task, trained from the same base; published merged, the adapter beside it."""

    task: Task
    phases: tuple[Phase, ...] = field(default=(), metadata=GIVEN)
    prompts: Mapping[str, str] | None = None  # None: `query: ` and `passage: ` for retrieval, else none


@dataclass(frozen=True, slots=True)
class Backbone:
    """A model from scratch: its architecture, its shape, the folder of its tokenizer, and how it first learns words."""

    backbone: str  # its architecture, by name
    tokenizer: str | Path  # a folder or the name of a model
    shape: str = "small"
    max_tokens: int = 512  # longest input
    words: Words | None = field(default=None, metadata=GIVEN)


@dataclass(frozen=True, slots=True)
class Words:
    """Guessing hidden words of all texts of some data, before the first phase: see `trainer.backbones.masked`."""

    path: Path  # a folder of prepared data
    masking: Any = field(metadata=GIVEN)  # trainer.backbones.masked.Masking
    sources: tuple[str, ...] = ()  # all

    @property
    def data(self) -> Data:
        """The texts, each once."""
        return Data(self.path, "distil", sources=self.sources)


@dataclass(frozen=True, slots=True)
class Training:
    """A whole training. `average`: published weights = start + average × (tuned − start)."""

    start: str | Path | Backbone
    phases: tuple[Phase, ...]
    seed: int = 0  # of everything drawn
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the processor or GPU has it
    lora: Lora | None = None
    freeze: tuple[str, ...] = ()  # parts of the model that stay as they are, by a part of their tensors' names
    adapters: tuple[Adapter, ...] = ()
    guard: Guard | None = None
    average: float = 1.0
    prompts: Mapping[str, str] = field(default_factory=dict)  # what is put before queries and documents
    checkpoint_every: int = 200  # steps
    log_every: int = 10  # steps


def load_training(path: Path) -> Training:
    """Read a training recipe and check all of it. Raises UserError for the first thing that is wrong."""
    return parse_training(read_toml(path), path.parent)


def parse_training(raw: Mapping[str, Any], folder: Path) -> Training:
    """The same from a table already read; relative paths start at `folder`."""
    own = ("phase", "adapter", "lora", "guard", "start")
    plain = ("seed", "precision", "freeze", "average", "prompts", "checkpoint_every", "log_every")
    refuse_unknown(raw, (*plain, *own), "the recipe")
    if "start" not in raw:
        raise UserError("The recipe does not say where to start.", sorted(raw), 'add start = "minilm", or a folder')
    training = parsed(_Settings, {key: raw[key] for key in plain if key in raw}, "the recipe")
    made = Training(
        _start(raw["start"], folder),
        _phases(raw, "phase", folder),
        adapters=tuple(_adapter(table, folder) for table in tables(raw, "adapter")),
        lora=parsed(Lora, typed(raw["lora"], dict, "lora"), "[lora]") if "lora" in raw else None,
        guard=parsed(Guard, typed(raw["guard"], dict, "guard"), "[guard]", folder) if "guard" in raw else None,
        **{name: getattr(training, name) for name in plain},
    )
    from trainer.train.recipe_checks import check_training

    check_training(made)
    return made


@dataclass(frozen=True, slots=True)
class _Settings:
    seed: int = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    freeze: tuple[str, ...] = ()
    average: float = 1.0
    prompts: Mapping[str, str] = field(default_factory=dict)
    checkpoint_every: int = 200
    log_every: int = 10


def _start(value: Any, folder: Path) -> str | Path | Backbone:
    if isinstance(value, dict):
        refuse_unknown(value, [slot.name for slot in fields(Backbone)], "[start]")
        made = parsed(Backbone, {key: entry for key, entry in value.items() if key != "words"}, "[start]")
        words = _words(typed(value["words"], dict, "words"), folder) if "words" in value else None
        return replace(made, tokenizer=_located(str(made.tokenizer), folder), words=words)
    return _located(typed(value, str, "start"), folder)


def _words(table: dict[str, Any], folder: Path) -> Words:
    from trainer.backbones.masked import Masking

    own = ("path", "sources")
    refuse_unknown(table, [*own, *(slot.name for slot in fields(Masking))], "words of [start]")
    masking = parsed(Masking, {key: value for key, value in table.items() if key not in own}, "words of [start]")
    if "path" not in table:
        raise UserError("words of [start] lacks 'path'.", sorted(table), 'add path = "…", a folder of prepared data')
    sources = typed(table.get("sources", []), tuple[str, ...], "sources of words")
    return Words(typed(table["path"], Path, "path of words", folder), masking, sources)


def _located(name: str, folder: Path) -> str | Path:
    """The folder of that name beside the recipe, or the name of a model."""
    path = folder / Path(name).expanduser()
    return path if path.is_dir() else name


def _phases(raw: Mapping[str, Any], key: str, folder: Path) -> tuple[Phase, ...]:
    return tuple(_phase(table, folder) for table in tables(raw, key))


def _phase(table: dict[str, Any], folder: Path) -> Phase:
    refuse_unknown(table, [slot.name for slot in fields(Phase)], "[[phase]]")
    data = tuple(_data(entry, folder) for entry in tables(table, "data"))
    phase = parsed(Phase, {key: value for key, value in table.items() if key != "data"}, "[[phase]]")
    return replace(phase, data=data)


def _data(table: dict[str, Any], folder: Path) -> Data:
    data = parsed(Data, {key: value for key, value in table.items() if key != "guide"}, "[[phase.data]]", folder)
    guide = table.get("guide")
    return data if guide is None else replace(data, guide=_located(typed(guide, str, "guide"), folder))


def _adapter(table: dict[str, Any], folder: Path) -> Adapter:
    refuse_unknown(table, ("task", "prompts", "phase"), "[[adapter]]")
    rest = {key: value for key, value in table.items() if key != "phase"}
    adapter = replace(parsed(Adapter, rest, "[[adapter]]"), phases=_phases(table, "phase", folder))
    if adapter.prompts is None:
        return replace(adapter, prompts=RETRIEVAL_PROMPTS if adapter.task == "retrieval" else {})
    return adapter


def plain(value: Any) -> Any:
    """Settings as plain data, with names of files in place of paths."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value
