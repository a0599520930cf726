"""Training: a recipe of phases in, a plain sentence-transformers folder out.

`recipe` says what is trained, `data` reads the rows, `plan` decides which of them each step sees, `phase` runs them
through sentence-transformers' trainer, `callbacks` and `checkpoints` look after every step, `guard` stops before the model
gets worse elsewhere, `weights` merges and averages, `publish` and `card` leave behind the model and how it came to be.
The verb is `train` in `run`.
"""

from trainer.train.folder import Trained
from trainer.train.recipe import Training, load_training
from trainer.train.run import plan_of, train

__all__ = ["Trained", "Training", "load_training", "plan_of", "train"]
