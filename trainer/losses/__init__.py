"""What training minimises: one function per loss, and the module that sentence-transformers' trainer calls.

`LOSSES` holds pure functions from embeddings to a number (`formulas`), each with its paper beside it. `Objective` puts one
of them behind a model: it embeds the columns of a batch, keeps copies of the positive from counting as negatives
(`excluded`), repeats the loss on shortened vectors (`matryoshka`), widens the batch over all processes (`gathered`) and,
where a batch does not fit into memory, runs it in small batches with the same gradients (`cached`).
"""

from trainer.losses.excluded import Excluded
from trainer.losses.formulas import LOSSES, LossFunction, Settings
from trainer.losses.matryoshka import matryoshka
from trainer.losses.objective import Objective

__all__ = ["LOSSES", "Excluded", "LossFunction", "Objective", "Settings", "matryoshka"]
