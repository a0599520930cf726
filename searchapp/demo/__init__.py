"""Three collections to try everything on: a shop, customers' questions, and the language reference inside Python.

Each is a BEIR folder with judged queries, so `searchapp evaluate` says how good its answers are. Products and questions were
written for this project, one by one. The reference's text comes out of the running Python (`pydoc_data`), so its corpus
is written into the home before it is indexed; its judgements are ours.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from indexer.files import write_bytes

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo collection: its name, what it is, and some queries that show what search can do with it."""

    name: str
    about: str
    examples: tuple[str, ...]


DEMOS = {
    demo.name: demo
    for demo in (
        Demo(
            "shop",
            "435 products of a shop that does not exist",
            ("desk chair without arms", "something to keep soup hot on the train", "fragrance-free soap", "KIT-1004"),
        ),
        Demo(
            "questions",
            "what customers of that shop asked",
            ("Where is my parcel?", "Can I pay without an account?", "How do I turn the newsletter off?"),
        ),
        Demo(
            "python",
            "the language reference inside Python",
            (
                "Why does my default list keep its values between calls?",
                "compare identity, not equality",
                "How do I centre a div?",
            ),
        ),
    )
}


def folder(name: str, workdir: Path) -> Path:
    """The BEIR folder of a demo; that of the reference is written into `workdir` first."""
    return _reference(workdir / name) if name == "python" else HERE / name


def _reference(target: Path) -> Path:
    """The running Python's topics as a corpus, beside our queries and the judgements of topics that it has."""
    from pydoc_data.topics import topics

    (target / "qrels").mkdir(parents=True, exist_ok=True)
    rows = [{"_id": name, "title": _title(text, name), "text": text} for name, text in sorted(topics.items())]
    write_bytes(target / "corpus.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    shutil.copyfile(HERE / "python" / "queries.jsonl", target / "queries.jsonl")
    head, *judged = (HERE / "python" / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in judged if line.split("\t")[1] in topics]
    write_bytes(target / "qrels" / "test.tsv", "\n".join([head, *kept, ""]).encode())
    return target


def _title(text: str, name: str) -> str:
    """The heading a topic begins with: a line with a row of signs under it."""
    first, _, rest = text.strip().partition("\n")
    underlined = bool(rest) and len(set(rest.split("\n", 1)[0])) == 1
    return first.replace('"', "") if underlined else name
