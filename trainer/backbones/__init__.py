"""Where a training starts: models from scratch, and any model folder opened so that nothing of it runs.

`BACKBONES` lists the architectures that can be made from scratch, in the shapes of the papers; `start` opens a model that is
there: a sentence-transformers folder, a plain Hugging Face one (T5 too: its encoder), a name such as `minilm`. `masked`
teaches a model from scratch words, by guessing hidden ones, before any pairs are shown to it.
"""

from trainer.backbones.opening import start
from trainer.backbones.scratch import BACKBONES, SHAPES

__all__ = ["BACKBONES", "SHAPES", "start"]
