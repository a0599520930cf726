"""Learning words: which are hidden, that a killed run ends at the same weights, that a NaN stops it at once."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from transformers import PreTrainedTokenizerFast  # noqa: E402

from indexer.encode.fingerprint import fingerprint  # noqa: E402
from indexer.errors import UserError  # noqa: E402
from indexer.files import sha256  # noqa: E402
from tests.models import WORDS, tiny_bert, tiny_tokenizer  # noqa: E402
from trainer.backbones import BACKBONES, start  # noqa: E402
from trainer.backbones.guessing import HEAD, new_head, saved_head, share_guessed  # noqa: E402
from trainer.backbones.hiding import Fates, Vocabulary, hide  # noqa: E402
from trainer.backbones.masked import Masking, learn_words  # noqa: E402
from trainer.backbones.windows import NO_WORD, Windows, windows_of  # noqa: E402

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
MASKING = Masking(12, batch=8, max_tokens=24, learning_rate=3e-3, checkpoint_every=4)


def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), **SPECIAL)


def texts(count: int = 60) -> list[str]:
    """Each begins and ends alike, so that a hidden word can be guessed; some of its words have several pieces."""
    draw = random.Random(3)
    odd = ["walked", "housing", "stars", "xylem"]
    return [
        " ".join([word, *draw.choices(odd, k=2), word, *draw.choices(WORDS[:40], k=draw.randrange(4, 30)), word])
        for word in draw.choices(WORDS[40:80], k=count)
    ]


def by_word(ids: NDArray[np.int64], words: NDArray[np.int64], hidden: NDArray[np.bool_]) -> dict[tuple[int, int], Any]:
    """Row and number of a word → the hidden flags of its pieces."""
    found: dict[tuple[int, int], list[bool]] = {}
    for row, place in np.argwhere(words != NO_WORD):
        found.setdefault((int(row), int(words[row, place])), []).append(bool(hidden[row, place]))
    return found


def test_whole_words_are_hidden_each_with_its_chance() -> None:
    windows, vocabulary = windows_of(texts(400), tokenizer(), 64), Vocabulary.of(tokenizer())
    ids, words = windows.batch(range(len(windows)), vocabulary.padding)
    shown, hidden = hide(ids, words, vocabulary, np.random.default_rng(0))
    assert not hidden[words == NO_WORD].any()
    assert np.array_equal(shown[~hidden], ids[~hidden])
    flags = by_word(ids, words, hidden)
    assert all(len(set(pieces)) == 1 for pieces in flags.values())
    assert sum(len(pieces) > 1 for pieces in flags.values()) > 500  # words of several pieces were among them
    assert np.mean([pieces[0] for pieces in flags.values()]) == pytest.approx(0.3, abs=0.02)
    masked = hidden & (shown == vocabulary.mask)
    kept = hidden & (shown == ids)
    other = hidden & ~masked & ~kept
    fates: dict[tuple[int, int], set[str]] = {}
    for name, where in (("masked", masked), ("kept", kept), ("other", other)):
        for row, place in np.argwhere(where):
            fates.setdefault((int(row), int(words[row, place])), set()).add(name)
    chosen = [next(iter(fate)) for fate in fates.values() if len(fate) == 1]
    assert len(chosen) > 0.99 * len(fates)  # a random piece may by chance be the one that was there
    for name, share in (("masked", 0.8), ("kept", 0.1), ("other", 0.1)):
        assert chosen.count(name) / len(fates) == pytest.approx(share, abs=0.02)
    assert not set(shown[other]) & {0, 1, 2, 3, 4}
    assert len(set(shown[other])) > 100


def test_the_same_noise_hides_the_same_and_something_is_always_hidden() -> None:
    windows, vocabulary = windows_of(texts(5), tokenizer(), 64), Vocabulary.of(tokenizer())
    ids, words = windows.batch([0, 1], vocabulary.padding)
    one, same, other = (hide(ids, words, vocabulary, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one[0], same[0])
    assert np.array_equal(one[1], same[1])
    assert not np.array_equal(one[1], other[1])
    for seed in range(5):
        _, hidden = hide(ids, words, vocabulary, np.random.default_rng(seed), Fates(share=1e-9))
        assert [pieces[0] for pieces in by_word(ids, words, hidden).values()].count(True) == 1


def test_windows_hold_every_piece_once_between_special_tokens() -> None:
    given = [*texts(3), "", "a", "the sun " * 40]
    windows = windows_of(given, tokenizer(), 16)
    assert set(windows.texts) == {0, 1, 2, 5}
    assert windows.lengths.max() == 16
    for row in (0, 5):
        encoding = tiny_tokenizer().encode(given[row], add_special_tokens=False)
        rows = np.flatnonzero(windows.texts == row)
        parts = [slice(windows.starts[n], windows.starts[n + 1]) for n in rows]
        assert [int(one) for part in parts for one in windows.ids[part][1:-1]] == encoding.ids
        assert [int(one) for part in parts for one in windows.words[part][1:-1]] == encoding.word_ids
        assert all((windows.ids[part][0], windows.ids[part][-1]) == (2, 3) for part in parts)
        assert all((windows.words[part][0], windows.words[part][-1]) == (NO_WORD, NO_WORD) for part in parts)
    full = windows.only(lambda lengths: lengths == 16)
    assert set(full.lengths) == {16}
    assert np.array_equal(full.batch([0], 0)[0], windows.batch([int(np.flatnonzero(windows.lengths == 16)[0])], 0)[0])


def folder_digest(folder: Path) -> dict[str, str]:
    return {file.name: sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


class KilledError(Exception):
    pass


class Killer:
    """A watcher that ends the run after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        self.steps -= 1
        if not self.steps:
            raise KilledError


@pytest.fixture(scope="module", params=BACKBONES)
def learnt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Name of the backbone, the tokenizer's folder, and a finished run."""
    words = tiny_bert(tmp_path_factory.mktemp("words"))
    out = tmp_path_factory.mktemp("learnt") / "model"
    done = learn_words(BACKBONES[request.param]("tiny", words, 64, 0), texts(), out, MASKING)
    assert (done.folder, done.steps, done.unchanged) == (out, 12, False)
    return request.param, words, out


def test_a_killed_run_ends_at_the_same_weights(learnt: tuple[str, Path, Path], tmp_path: Path) -> None:
    name, words, whole = learnt
    for steps in (3, 4, 2, 1):  # before the first checkpoint, at the next, at none, and then to the end
        with pytest.raises(KilledError):
            learn_words(BACKBONES[name]("tiny", words, 64, 0), texts(), tmp_path / "out", MASKING, watch=Killer(steps))
        assert not (tmp_path / "out").exists()
    work = tmp_path / ".out.learning"
    assert [path.name for path in work.glob("at-*")] == ["at-000-00000004"]
    broken = work / "at-000-00000008"
    broken.mkdir()
    (broken / "weights.safetensors").write_bytes(b"half of it")
    learn_words(BACKBONES[name]("tiny", words, 64, 0), iter(texts()), tmp_path / "out", MASKING)
    assert folder_digest(tmp_path / "out") == folder_digest(whole)
    assert not work.exists()


def test_the_result_opens_and_knows_more_words_than_before(learnt: tuple[str, Path, Path], tmp_path: Path) -> None:
    name, words, _ = learnt
    model = BACKBONES[name]("tiny", words, 64, 0)
    same = ["the the the the sun the the the the stars"] * 32
    windows = windows_of(same, model.tokenizer, 24)
    before, asked = share_guessed(model, new_head(model), windows)
    done = learn_words(model, same, tmp_path / "out", Masking(40, 16, 24, 1e-2))
    assert done.last_loss < done.first_loss / 2
    opened = start(done.folder)
    assert opened.max_seq_length == 64
    head = saved_head(done.folder, opened)
    after, again = share_guessed(opened, head, windows)
    assert asked == again
    assert before < 0.2 * asked
    assert after > 0.6 * asked


def test_the_same_run_again_changes_nothing_and_another_is_refused(learnt: tuple[str, Path, Path]) -> None:
    name, words, whole = learnt
    before, model = folder_digest(whole), BACKBONES[name]("tiny", words, 64, 0)
    assert learn_words(model, texts(), whole, MASKING).unchanged
    for change in ({"seed": 1}, {"masking": Masking(13, 8, 24)}, {"texts": texts()[1:]}):
        given = {"texts": texts(), "masking": MASKING, "seed": 0} | change
        with pytest.raises(UserError, match="is not this run's"):
            learn_words(model, given["texts"], whole, given["masking"], seed=given["seed"])
    assert folder_digest(whole) == before


def test_the_published_folder_says_how_it_came_to_be(learnt: tuple[str, Path, Path]) -> None:
    _, _, whole = learnt
    card = json.loads((whole / "masked.json").read_text())
    assert (card["steps"], card["seed"], card["masking"]["share"]) == (12, 0, 0.3)
    assert (whole / HEAD).is_file()
    assert len(fingerprint(whole)) == 64


def test_a_nan_stops_within_its_step_and_publishes_nothing(tmp_path: Path) -> None:
    model = BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "words"), 64, 0)
    seen: list[int] = []

    def spoil(phase: str, done: int, total: int | None) -> None:
        seen.append(done)
        if len(seen) == 3:
            with torch.no_grad():
                model[0].model.layers[0].attention.query.weight[0, 0] = float("nan")

    with pytest.raises(UserError, match="not a finite number") as error:
        learn_words(model, texts(), tmp_path / "out", MASKING, watch=spoil)
    assert "step 4, texts " in error.value.given
    assert seen == [8, 16, 24]
    assert not (tmp_path / "out").exists()


def test_no_memory_says_what_to_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    monkeypatch.setattr("trainer.backbones.masked.guesses", full)
    model = BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "words"), 64, 0)
    with pytest.raises(UserError, match="memory is not enough") as error:
        learn_words(model, texts(), tmp_path / "out", MASKING)
    assert (error.value.given, error.value.todo) == ("batch 8, max_tokens 24", "lower batch or max_tokens")
    assert not (tmp_path / "out").exists()


def test_weights_that_the_last_step_spoilt_are_not_published(tmp_path: Path) -> None:
    model = BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "words"), 64, 0)

    def spoil(phase: str, done: int, total: int | None) -> None:
        if done == total:
            with torch.no_grad():
                model[0].model.layers[0].attention.query.weight[0, 0] = float("inf")

    with pytest.raises(UserError, match="NaN or infinity"):
        learn_words(model, texts(), tmp_path / "out", MASKING, watch=spoil)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"steps": 0}, "steps must be above 0"),
        ({"learning_rate": float("inf")}, "learning_rate must be above 0"),
        ({"share": 1.5}, "share and warmup are shares"),
        ({"max_tokens": 4}, "no text to learn words from"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, Any], what: str, tmp_path: Path) -> None:
    model = BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "words"), 64, 0)
    with pytest.raises(UserError, match=what) as error:
        learn_words(model, texts(), tmp_path / "out", Masking(**{"steps": 2} | change))
    assert error.value.todo
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_without_a_mask_is_refused_and_t5s_sentinel_serves() -> None:
    words = tiny_tokenizer()
    plain = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]")
    with pytest.raises(UserError, match="no mask token"):
        Vocabulary.of(plain)
    words.add_special_tokens(["<extra_id_0>"])
    assert (
        Vocabulary.of(PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]")).mask
        == len(words.get_vocab()) - 1
    )


def test_the_share_guessed_counts_words_with_all_their_pieces(tmp_path: Path) -> None:
    model = BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "words"), 64, 0)
    windows = windows_of(["walked stars the sun housing"] * 40, model.tokenizer, 24)
    walk = tiny_tokenizer().token_to_id("walk")
    head = new_head(model)
    with torch.no_grad():
        head.decoder.bias[walk] = 1e6  # always guesses the same piece, one of two of "walked"
    assert share_guessed(model, head, windows, share=0.9)[0] == 0
    the = tiny_tokenizer().token_to_id("the")
    with torch.no_grad():
        head.decoder.bias[the] = 1e7
    right, asked = share_guessed(model, head, windows, share=0.999)
    assert right == pytest.approx(asked / 5, abs=2)


def test_windows_of_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="no text to learn words from"):
        windows_of(["", "a", "of it"], tokenizer(), 64)
    assert isinstance(windows_of(["the sun is far"], tokenizer(), 64), Windows)
