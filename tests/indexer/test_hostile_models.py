"""Hostile model folders: refused in one sentence, no code of theirs run, no socket opened, nothing written.

All folders are opened by one child process, whose audit hook tells of every socket, process, unpickling, foreign code and
write (tests/watched_encoder.py). What `test_encode` shows already of single refusals is not repeated here.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from indexer.encode.tokenizer import refuse_hostile_patterns
from indexer.encode.weights import Weights
from indexer.errors import UserError
from tests.models import tiny_bert

pytestmark = pytest.mark.slow

Make = Callable[[Path], object]
CODE = "import pathlib; pathlib.Path({marker!r}).write_text('run')\nclass Model: pass\n"


def edited(name: str, **values: object) -> Make:
    def edit(folder: Path) -> None:
        file = folder / name
        known = json.loads(file.read_text()) if file.is_file() else {}
        file.write_text(json.dumps(known | values))

    return edit


def text(name: str, content: str) -> Make:
    return lambda folder: (folder / name).write_text(content)


class Payload:
    """Unpickled, it makes the marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def pickle_at(name: str) -> Make:
    def put(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(pickle.dumps(Payload(marker_of(folder))))

    return put


def pickle_instead(name: str) -> Make:
    def put(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        pickle_at(name)(folder)

    return put


def module(kind: str, path: str = "2_Normalize", config: dict[str, object] | None = None) -> Make:
    """The last module of the chain is of that class, and the folder holds code under its name."""

    def put(folder: Path) -> None:
        chain = json.loads((folder / "modules.json").read_text())
        chain[2] |= {"type": kind, "path": path}
        (folder / "modules.json").write_text(json.dumps(chain))
        (folder / "2_Normalize").mkdir(exist_ok=True)
        (folder / "2_Normalize" / "config.json").write_text(json.dumps(config or {}))
        for name in ("modeling.py", "custom.py", "evil.py", "__init__.py"):
            (folder / name).write_text(CODE.format(marker=str(marker_of(folder))))

    return put


def dense_with_pickle(folder: Path) -> None:
    """Beside a safetensors file of another name, which its loader does not read."""
    settings = {"in_features": 32, "out_features": 8, "bias": True, "activation_function": "torch.nn.Tanh"}
    module("sentence_transformers.models.Dense", config=settings)(folder)
    save_file({"x": np.zeros(1, np.float32)}, folder / "2_Normalize" / "other.safetensors")
    pickle_at("2_Normalize/pytorch_model.bin")(folder)


def max_pooling(then: Make) -> Make:
    """In a model that sentence-transformers runs: there its loaders are reached."""

    def make(folder: Path) -> None:
        tiny_bert(folder, pooling="max")
        then(folder)

    return make


def with_code(then: Make) -> Make:
    def make(folder: Path) -> None:
        (folder / "modeling.py").write_text(CODE.format(marker=str(marker_of(folder))))
        then(folder)

    return make


def moved_out(name: str) -> Make:
    def move(folder: Path) -> None:
        (folder / name).rename(folder.parent / "outside")
        (folder / name).symlink_to(folder.parent / "outside")

    return move


def pipe(name: str) -> Make:
    def make(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return make


def poisoned(value: float, dtype: type = np.float32) -> Make:
    def poison(folder: Path) -> None:
        tensors = {name: tensor.astype(dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
        tensors["encoder.layer.1.output.dense.weight"][3, 5] = value
        save_file(tensors, folder / "model.safetensors")

    return poison


def overflowing(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.LayerNorm.weight"][:] = np.finfo(np.float32).max
    tensors["encoder.layer.1.output.LayerNorm.weight"][:] = np.finfo(np.float32).max
    save_file(tensors, folder / "model.safetensors")


def header(change: Callable[[dict[str, Any]], object]) -> Make:
    def rewrite(folder: Path) -> None:
        file = folder / "model.safetensors"
        content = file.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        told = json.loads(content[8:end])
        change(told)
        new = json.dumps(told).encode()
        file.write_bytes(len(new).to_bytes(8, "little") + new + content[end:])

    return rewrite


def raw_header(content: bytes, length: int | None = None) -> Make:
    claimed = len(content) if length is None else length
    return lambda folder: (folder / "model.safetensors").write_bytes(claimed.to_bytes(8, "little") + content)


def shards_elsewhere(folder: Path) -> None:
    """The list names another file than the one that lies there under a shard's name."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "hidden.safetensors")
    save_file(tensors, folder / "model-00001-of-00001.safetensors")
    places = dict.fromkeys(tensors, "hidden.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def pattern(regex: str) -> Make:
    def put(folder: Path) -> None:
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"pre_tokenizer": split}))

    return put


def twice(name: str, key: str) -> Make:
    def put(folder: Path) -> None:
        content = (folder / name).read_text().replace("{", f'{{"{key}": 1, "{key}": 2, ', 1)
        (folder / name).write_text(content)

    return put


WORDS = "embeddings.word_embeddings.weight"
QUERY, KEY = "encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.self.key.weight"
DEEP = "[" * 100_000 + "]" * 100_000
CONFIG, TOKENS, BERT = "config.json", "tokenizer_config.json", "sentence_bert_config.json"

REFUSED: dict[str, tuple[Make, str]] = {
    "pytorch_model.bin alone": (pickle_instead("pytorch_model.bin"), "pickle"),
    "model.pt alone": (pickle_instead("model.pt"), "pickle"),
    "model.pkl alone": (pickle_instead("model.pkl"), "pickle"),
    "a dense layer's pickle": (dense_with_pickle, "pickle"),
    "a module from a file of the folder": (module("modeling.Model"), "code of its own"),
    "a module by a relative path": (module("..evil.Model"), "code of its own"),
    "a module from the standard library": (module("os.system"), "code of its own"),
    "a module that only begins like the library": (module("sentence_transformers_evil.Model"), "code of its own"),
    "a function of the library": (module("sentence_transformers.util.http_get"), "code of its own"),
    "a module that has no class": (module("sentence_transformers.Normalize; import os"), "code of its own"),
    "a module out of the folder": (module("sentence_transformers.models.Normalize", "../x"), "outside"),
    "a module at the root of the disk": (module("sentence_transformers.models.Normalize", "/etc"), "outside"),
    "a module at no path": (module("sentence_transformers.models.Normalize", "a\0b"), "outside"),
    "two modules of one name": (
        lambda f: (f / "modules.json").write_text((f / "modules.json").read_text().replace('"name": "1"', '"name": "0"')),
        "one name",
    ),
    "an activation that is code": (
        module("sentence_transformers.models.Dense", config={"activation_function": "os.system"}),
        "activation",
    ),
    "a routed module that is code": (
        module("sentence_transformers.models.Router", config={"types": {"a": "evil.Model"}}),
        "code of its own",
    ),
    "auto_map": (with_code(edited(CONFIG, auto_map={"AutoModel": "modeling.Model"})), "auto_map"),
    "auto_map of another repository": (edited(CONFIG, auto_map={"AutoModel": "a/b--m.M"}), "auto_map"),
    "auto_map deep inside": (edited(CONFIG, text_config={"auto_map": {"AutoModel": "modeling.Model"}}), "auto_map"),
    "a tokenizer's auto_map": (
        with_code(edited(TOKENS, auto_map={"AutoTokenizer": ["modeling.Model", None]})),
        "auto_map",
    ),
    "a remote base model": (edited("adapter_config.json", base_model_name_or_path="a/b"), "base_model_name_or_path"),
    "an adapter without a base": (max_pooling(edited("adapter_config.json", peft_type="LORA")), "adapter"),
    "a remote tokenizer": (edited(BERT, tokenizer_name_or_path="a/b"), "tokenizer_name_or_path"),
    "other weights": (max_pooling(edited(CONFIG, transformers_weights="x.safetensors")), "transformers_weights"),
    "a kernel to fetch": (max_pooling(edited(CONFIG, attn_implementation="kernels-community/a")), "would be fetched"),
    "a kernel to fetch, inside": (
        max_pooling(edited(BERT, model_args={"attn_implementation": "kernels-community/a"})),
        "would be fetched",
    ),
    "loader's settings": (max_pooling(edited(BERT, model_args={"trust_remote_code": True})), "not known here"),
    "a custom tokenizer class": (max_pooling(edited(TOKENS, tokenizer_class="modeling.Model")), "model"),
    "an unknown architecture": (max_pooling(edited(CONFIG, model_type="evil")), "cannot open"),
    "a link to a file outside": (moved_out("tokenizer.json"), "link"),
    "a link to a folder outside": (moved_out("1_Pooling"), "link"),
    "a pipe for weights": (pipe("model.safetensors"), "no file"),
    "a pipe for settings": (pipe("more.json"), "no file"),
    "a folder for settings": (lambda f: (f / "more.json").mkdir(), "cannot be read"),
    "NaN": (poisoned(np.nan), "NaN or infinity"),
    "infinity in half precision": (poisoned(np.inf, np.float16), "NaN or infinity"),
    "finite weights that overflow": (overflowing, "unit length"),
    "a header of 2^63 bytes": (raw_header(b"{}", 1 << 63), "longer than the file"),
    "a header that is a list": (raw_header(b"[]"), "not a JSON object"),
    "a deep header": (raw_header(DEEP.encode()), "not sound"),
    "a tensor named twice": (raw_header(b'{"a":{},"a":{}}'), "twice"),
    "overlapping tensors": (
        header(lambda t: t[KEY].update(data_offsets=t[QUERY]["data_offsets"])),
        "does not begin where",
    ),
    "an absurd shape": (header(lambda t: t[WORDS].update(shape=[1 << 40, 1 << 40])), "bytes of its shape"),
    "a negative shape": (header(lambda t: t[WORDS].update(shape=[-588, -32])), "numbers that are none"),
    "an unknown type of number": (header(lambda t: t[WORDS].update(dtype="F7")), "not known here"),
    "a shape turned": (header(lambda t: t[WORDS].update(shape=t[WORDS]["shape"][::-1])), "do not fit"),
    "shards that are others": (max_pooling(shards_elsewhere), "does not name those"),
    "deep settings": (text("more.json", DEEP), "nested"),
    "a deep tokenizer": (text("tokenizer.json", '{"a":' * 100_000), "nested"),
    "settings that are no text": (lambda f: (f / "more.json").write_bytes(b"\xff\xfe{}"), "cannot be read"),
    "settings that are too large a number": (text("more.json", "9" * 5000), "cannot be read"),
    "a key twice": (twice(CONFIG, "hidden_act"), "twice"),
    "a tokenizer's key twice": (twice("tokenizer.json", "decoder"), "twice"),
    "a gigantic vocabulary": (edited(CONFIG, vocab_size=10**12), "size that no model has"),
    "gigantic layers": (max_pooling(edited(CONFIG, num_hidden_layers=10**9)), "size that no model has"),
    "a gigantic input": (edited(BERT, max_seq_length=10**12), "size that no model has"),
    "more positions than there are": (
        lambda f: (edited(CONFIG, max_position_embeddings=4096)(f), edited(BERT, max_seq_length=4096)(f)),
        "positions for 128",
    ),
    "no layers": (edited(CONFIG, num_hidden_layers=0), "do not fit"),
    "a layer left out": (edited(CONFIG, num_hidden_layers=1), "counts 1 layers"),
    "a layer left out, elsewhere": (max_pooling(edited(CONFIG, num_hidden_layers=1)), "leaves out"),
    "a layer too many, elsewhere": (max_pooling(edited(CONFIG, num_hidden_layers=3)), "is missing"),
    "heads that do not share": (edited(CONFIG, num_attention_heads=5), "attention heads"),
    "a tokenizer's pattern that never ends": (pattern("(a+)+$"), "may take for ever"),
    "a broken tokenizer": (text("tokenizer.json", "{}"), "tokenizer"),
}  # fmt: skip

OPENED: dict[str, Make] = {
    "pickles beside safetensors": lambda f: [pickle_at(n)(f) for n in ("pytorch_model.bin", "a.pkl", "more/b.pt")],
    "pickles beside safetensors, elsewhere": max_pooling(pickle_at("pytorch_model.bin")),
    "the name of a remote model": max_pooling(edited(CONFIG, _name_or_path="somebody/model")),
    "a remote tokenizer's name": max_pooling(edited(TOKENS, name_or_path="somebody/model")),
    "a chat template": max_pooling(
        edited(TOKENS, chat_template="{% for i in range(10**9) %}{{ ''.__class__.__mro__ }}{% endfor %}")
    ),
    "code that nobody names": max_pooling(
        lambda f: (f / "modeling.py").write_text(CODE.format(marker=str(marker_of(f))))
    ),
}


def marker_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.marker"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the child told of each folder, and what the folder held before and after."""
    places, before = {}, {}
    for number, (name, make) in enumerate([*((n, m) for n, (m, _) in REFUSED.items()), *OPENED.items()]):
        folder = tiny_bert(tmp_path_factory.mktemp(f"h{number}") / "model")
        make(folder)
        places[str(folder)], before[name] = name, held(folder)
    command = [sys.executable, "-m", "tests.watched_encoder", *places]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["folder"] for line in lines] == list(places)
    return {
        (name := places[line["folder"]]): line
        | {
            "marked": marker_of(Path(line["folder"])).exists(),
            "touched": held(Path(line["folder"])) != before[name],
        }
        for line in lines
    }


def held(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(f), f.lstat().st_size, f.lstat().st_mtime_ns) for f in folder.parent.rglob("*"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_folder_is_refused_and_does_nothing(name: str, told: dict[str, dict[str, Any]]) -> None:
    found = told[name]
    assert found["refusal"], "it was opened"
    what, given, todo = found["refusal"]
    assert REFUSED[name][1] in what
    assert given.startswith(found["folder"])
    assert todo
    assert "Traceback" not in what
    assert (found["seen"], found["marked"], found["touched"]) == ([], False, False)


@pytest.mark.parametrize("name", OPENED)
def test_what_is_only_lying_there_does_nothing(name: str, told: dict[str, dict[str, Any]]) -> None:
    found = told[name]
    assert (found["refusal"], found["seen"], found["marked"], found["touched"]) == (None, [], False, False)


def test_the_watch_sees_what_it_watches_for(tmp_path: Path) -> None:
    """A watch that sees nothing would make every test above pass."""
    (tmp_path / "bad.py").write_text("x = 1")
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    script = (
        "import pickle, pathlib, runpy, socket, subprocess, sys; from tests.watched_encoder import Watch\n"
        "w = Watch(); w.folder = sys.argv[1]\n"
        "try: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except OSError: pass\n"
        "pickle.load(open(sys.argv[1] + '/bad.pkl', 'rb'))\n"
        "runpy.run_path(sys.argv[1] + '/bad.py'); subprocess.run(['true'])\n"
        "w.folder = None; print(chr(10).join(w.seen))"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    for event in ("socket.getaddrinfo", "socket.connect", "pickle.find_class", "exec", "subprocess.Popen", "opened"):
        assert f"\n{event} " in f"\n{run.stdout}", event


# Patterns that tokenizers in use have, and some that would not end

HARMLESS_PATTERNS = [
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}]*[\p{Ll}\p{Lm}]+(?i:'s|'t)?",
    r"[()*+]+|\)\+|\(a\)",
]
ENDLESS_PATTERNS = [r"(a+)+$", r"(a|aa)*b", r"(?:a*)*c", r"(a+){2,}", r"(a){1,99999}", r"(a*)\1\1b", r"([)]a+)+"]


@pytest.mark.parametrize("regex", HARMLESS_PATTERNS)
def test_patterns_in_use_are_let_be(regex: str, tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    pattern(regex)(folder)
    refuse_hostile_patterns(folder / "tokenizer.json")


@pytest.mark.parametrize("regex", ENDLESS_PATTERNS)
def test_patterns_that_repeat_a_group_are_refused(regex: str, tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    pattern(regex)(folder)
    with pytest.raises(UserError, match="repeats a group"):
        refuse_hostile_patterns(folder / "tokenizer.json")


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    for number in (1, 2):
        save_file({"a": np.zeros(2, np.float32)}, tmp_path / f"model-0000{number}-of-00002.safetensors")
    with pytest.raises(UserError, match="holds the tensor 'a' too"):
        Weights.of(tmp_path)
