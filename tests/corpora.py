"""Small corpora that tests write themselves: seeded, with words enough to rank and fields enough to filter."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

THINGS = [
    "lamp",
    "table",
    "chair",
    "shelf",
    "kettle",
    "blanket",
    "mirror",
    "rug",
    "stool",
    "basket",
    "clock",
    "vase",
    "bench",
    "drawer",
    "frame",
]
STUFF = ["oak", "steel", "wool", "glass", "bamboo", "linen", "copper", "marble", "cork", "felt"]
MOODS = ["quiet", "bright", "narrow", "heavy", "folding", "round", "tall", "soft", "plain", "sturdy"]
BRANDS = ("Acme", "Zen", "Nordlys", "Ferrum")


def product(number: int, seed: int = 0) -> dict[str, object]:
    """One product, the same for the same number and seed; every seventh has no price, every fifth no brand."""
    chance = random.Random(f"{seed}/{number}")
    thing, stuff, mood = chance.choice(THINGS), chance.choice(STUFF), chance.choice(MOODS)
    words = " ".join(chance.choice(THINGS + STUFF + MOODS) for _ in range(chance.randint(4, 40)))
    return {
        "sku": f"SKU-{number:05}",
        "name": f"{mood} {stuff} {thing}",
        "description": f"A {mood} {thing} made of {stuff}. {words}.",
        "price": None if number % 7 == 0 else round(chance.uniform(5, 500), 2),
        "brand": None if number % 5 == 0 else chance.choice(BRANDS),
        "discontinued": chance.random() < 0.2,
        "stock": chance.randint(0, 1000),
        "added": f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
    }


def write_jsonl(path: Path, rows: Iterable[object]) -> Path:
    """One JSON object per line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_products(path: Path, numbers: Sequence[int], seed: int = 0) -> Path:
    """A JSONL catalogue of the products with these numbers."""
    return write_jsonl(path, (product(number, seed) for number in numbers))
