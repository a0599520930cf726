"""Does a model trained on short texts still understand long ones? Words guessed at 128 tokens and at eight times as many.

Two models from scratch see the same windows of 128 tokens of real, long documents (peps, qmsum): a tiny ALiBi BERT, and a
BERT of as many parameters that learns its positions. Then both guess the hidden words of held-out documents, in windows
of 128 and of 1024 tokens. BERT's table has 1024 rows, of which training saw 128; nothing is interpolated. Tokenizer and
documents are the same for both. Prints one JSON line: `python -m benchmarks.extrapolation --data FOLDER [--steps N]`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.machine import machine

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("peps", "qmsum")
SHORT, LONG = 128, 1024
HELD_OUT = 20  # every twentieth document is kept for guessing
VOCABULARY = 4096
LAYERS, HIDDEN, HEADS, INNER = 3, 128, 4, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measure(given)))


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Train both, let both guess."""
    import torch

    torch.set_num_threads(given.threads)
    documents = long_documents(given.data)
    kept = documents[::HELD_OUT]
    seen = [text for place, text in enumerate(documents) if place % HELD_OUT]
    tokenizer = word_pieces(seen)
    found = {name: guessed(make, tokenizer, seen, kept, given) for name, make in MODELS.items()}
    return {
        "benchmark": "extrapolation",
        "short": SHORT,
        "long": LONG,
        **found,
        "documents": {"seen": len(seen), "held_out": len(kept)},
        "steps": given.steps,
        "batch": given.batch,
        "learning_rate": given.learning_rate,
        "seed": given.seed,
        "threads": given.threads,
        "machine": machine(),
    }


def guessed(
    make: Callable[[], Any],
    tokenizer: PreTrainedTokenizerBase,
    seen: Sequence[str],
    kept: Sequence[str],
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Share of hidden words that a model guesses at both lengths, after it has learnt words at the short one."""
    from trainer.backbones.guessing import saved_head
    from trainer.backbones.masked import Masking, learn_words
    from trainer.backbones.scratch import assembled

    model = assembled(make, tokenizer, given.seed)
    masking = Masking(given.steps, given.batch, SHORT, given.learning_rate, checkpoint_every=given.steps)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        learnt = learn_words(model, seen, Path(folder) / "model", masking, seed=given.seed)
        head = saved_head(learnt.folder, model)
    took = time.perf_counter() - began
    short, long = (accuracy(model, head, kept, length) for length in (SHORT, LONG))
    return {
        "parameters": sum(one.numel() for name, one in model.named_parameters() if "pooler" not in name),
        "last_loss": round(learnt.last_loss, 3),
        "short": round(short[0], 4),
        "long": round(long[0], 4),
        "relative_change": round(long[0] / short[0] - 1, 4),
        "words": [short[1], long[1]],
        "training_seconds": round(took),
    }


def accuracy(model: SentenceTransformer, head: Any, kept: Sequence[str], length: int) -> tuple[float, int]:
    """Share of hidden words guessed, and their number. Only documents of `LONG` tokens count, at either length."""
    from trainer.backbones.guessing import share_guessed
    from trainer.backbones.windows import windows_of

    room = LONG - 2
    cut = [text for text in kept if windows_of([text], model.tokenizer, 10**6).lengths[0] > room]
    windows = windows_of(cut, model.tokenizer, length).only(lambda lengths: lengths == length)
    right, asked = share_guessed(model, head, windows)
    return right / asked, asked


def long_documents(data: Path) -> list[str]:
    """The texts of the sets, shuffled with a fixed seed."""
    texts = []
    for name in SETS:
        with gzip.open(data / name / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts += [json.loads(line)["text"] for line in lines]
    return [texts[row] for row in np.random.default_rng(0).permutation(len(texts))]


def word_pieces(texts: Sequence[str]) -> PreTrainedTokenizerBase:
    """A small WordPiece vocabulary of the texts, so that most of the time goes into attention and not into the vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special.values()), show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LONG, **special)


def alibi() -> Any:
    """The tiny ALiBi BERT."""
    from indexer.architectures import AlibiBertConfig, AlibiBertModel

    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    return AlibiBertModel(AlibiBertConfig(vocab_size=VOCABULARY, intermediate_size=INNER, **sizes))


def learned() -> Any:
    """A BERT that learns its positions; its two-matrix inner part is half as wide again, for as many parameters."""
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    inner = INNER * 3 // 2
    config = BertConfig(
        vocab_size=VOCABULARY,
        intermediate_size=inner,
        max_position_embeddings=LONG,
        attention_probs_dropout_prob=0.0,
        **sizes,
    )
    return BertModel(config)


MODELS = {"alibi": alibi, "learned_positions": learned}

if __name__ == "__main__":
    main()
