"""Ablation: what each filter is worth, by training the same model on the same budget with and without it.

`recipe` says on one screen what is ablated, `variants` which sets of filters are compared, `mixing` makes the noise of which
the truth is known, `start` a model without sentence training, `cells` names and runs one training of the grid, `intervals`
turns seeds into figures with intervals, `report` and `plots` show them. The verb is `ablate` in `run`.
"""

from trainer.ablate.recipe import Ablation, load_ablation
from trainer.ablate.run import Ablated, ablate, plan_of

__all__ = ["Ablated", "Ablation", "ablate", "load_ablation", "plan_of"]
