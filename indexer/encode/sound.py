"""What a model does is taken as a stranger's doing: whatever breaks, the folder is named.

A model is tried once before it is used: what cannot embed three words will embed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError

_TEXTS = ("", "three small words")
_SHOWN = 500  # characters of a library's own words


@contextmanager
def naming(what: str, given: Path, todo: str) -> Iterator[None]:
    """Any failure inside as a UserError. A panic of the tokenizer's library is not even an Exception."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, UserError):
        raise
    except BaseException as error:
        raise UserError(f"{what}: {str(error)[:_SHOWN] or type(error).__name__}.", given, todo) from error


def try_out(encode: Callable[[Sequence[str], str], NDArray[np.float32]], folder: Path) -> int:
    """How long the vectors of `encode(texts, prompt)` are. UserError when it breaks, or gives anything but unit vectors:
    weights can be finite numbers and yet overflow."""
    todo = "Use another copy of the model."
    with naming("The model cannot embed a text", folder, todo):
        vectors = encode(_TEXTS, "")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise UserError("The model's vectors are not of unit length.", folder, todo)
    return int(vectors.shape[1])
