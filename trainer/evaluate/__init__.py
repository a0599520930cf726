"""How good is a model? A suite of sets in, figures with their intervals out.

`load_suite(path)` reads one screen of TOML; `evaluate(model, suite)` measures a folder, or a model in the middle of its
training, on each set: STS, retrieval, reranking, duplicates, negation, copies that keep the meaning, triplets, labels, and
how much of the space is used. Every figure carries a 95 % bootstrap interval. `compare(a, b)` says how far b stands from a
on the same items, in pairs. `report` turns both into tables and pictures.
"""

from trainer.evaluate.evaluation import Difference, Evaluation, Figure, compare, evaluate
from trainer.evaluate.suite import Set, Suite, load_suite

__all__ = ["Difference", "Evaluation", "Figure", "Set", "Suite", "compare", "evaluate", "load_suite"]
