"""The filters that need no model, by value; and on noisy_mix against its labels."""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexer.progress import unwatched
from tests.corpora import write_jsonl
from trainer.filters.boilerplate import Boilerplate
from trainer.filters.empty import Empty
from trainer.filters.exact import Exact
from trainer.filters.identical import Identical
from trainer.filters.leakage import Leakage
from trainer.filters.length import Length
from trainer.filters.near import Near
from trainer.filters.overlap import Overlap
from trainer.filters.shingles import shingles, signatures, similar
from trainer.normal import as_series, normalised
from trainer.prepare_read import example_batch
from trainer.recipe import Holdout, Source
from trainer.sources_shapes import Example

FURNITURE = """Accept all cookies | Reject all | Privacy policy
© 2019 Acme Inc. All rights reserved. Terms of use
Sign in or create an account
Skip to main content Home News Contact us
Please enable JavaScript to view this page
Follow us on Facebook, Twitter and Instagram
404 Page not found. Go to homepage
Share this article: Facebook Twitter Email this Print this page
Add to cart | Add to wishlist | Free shipping
Read more » Related articles
Loading, please wait...
Subscribe to our newsletter! Enter your email address
Powered by WordPress | Privacy | Terms and conditions
We use cookies to improve your experience. Cookie settings
Log in | Register | Forgot your password?
Leave a comment. Comments are closed.
Back to top — Sitemap — Contact
Your cart is empty. Continue reading | View all
Access denied. Please enable cookies.
Download the app: App Store | Google Play. Legal notice""".splitlines()

ANSWERS = """You can sign in with your email address and the password you chose.
Delete my account please. Now!
What is the return policy?
yes
The cookies contain nuts and milk.
Copyright protects the expression of ideas, not ideas themselves.
Read the label for more information about the ingredients.
Log in to a registry (docker login)
Home games are played in the new stadium.""".splitlines()


def batch(*rows: tuple[Any, ...], source: str = "s") -> pa.RecordBatch:
    examples = [("f" * 16, Example(line, *row)) for line, row in enumerate(rows, 1)]
    return example_batch(Source(source, ()), examples)


def reasons(made: Any, found: pa.RecordBatch, folder: Path) -> list[str | None]:
    made.prepare([found], folder, unwatched)
    return list(made.judge(found, folder).reasons)


def test_the_normal_form() -> None:
    texts = ["Straße  a\tb\u00a0c", "STRASSE A B C ", "ﬁx  \n x\u200b", "FIX X", " \u2003\n", "İ", "Σς", "a\x1fb"]
    expected = ["strasse a b c", "strasse a b c", "fix x", "fix x", "", "i̇", "σσ", "a b"]
    assert normalised(as_series(texts)).to_list() == expected


def test_sides_do_not_run_into_each_other() -> None:
    found = batch(("a b", "c"), ("a", "b c"), ("a", "b", ("c",)), ("a", "b\x1fc")).column("content").to_pylist()
    assert len(set(found)) == 3  # the last is the second: a control character is a space
    assert found[1] == found[3]


def test_empty(tmp_path: Path) -> None:
    found = batch(
        ("q", " \n"), ("q", "..."), ("N/A", "p"), ("q", "p", ("[removed]",)), ("q", "是"), ("q", "€"), ("none", "0")
    )
    assert reasons(Empty(), found, tmp_path) == ["blank", "no words", "placeholder", "placeholder", None, None, None]
    assert Empty().judge(found, tmp_path).evidence["side"].to_pylist()[:4] == [
        "positive",
        "positive",
        "anchor",
        "negative",
    ]


def test_identical(tmp_path: Path) -> None:
    found = batch(("Is it?", "is  IT ?"), ("a", "b", ("x", "B.")), ("a", "b", ("A",)), ("a", "b", ("c",)))
    expected = ["identical sides", "negative is the positive", "negative is the anchor", None]
    assert reasons(Identical(), found, tmp_path) == expected


def test_length(tmp_path: Path) -> None:
    found = batch(("a b", "c"), ("a", "b c"), ("a b", "b c d e"), ("a b", "b " + "x" * 99), ("a b", "b c"))
    made = Length(min_anchor=2, min_positive=2, max_words=3, max_characters=50)
    assert reasons(made, found, tmp_path) == ["positive too short", "anchor too short", "too long", "too long", None]


@pytest.mark.parametrize("text", FURNITURE)
def test_furniture_that_occurs_once_goes(text: str, tmp_path: Path) -> None:
    assert reasons(Boilerplate(), batch(("q", text)), tmp_path) == ["page furniture"]


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_that_mention_furniture_stay(text: str, tmp_path: Path) -> None:
    assert reasons(Boilerplate(), batch(("q", text)), tmp_path) == [None]


def test_exact_keeps_the_first_of_the_stream(tmp_path: Path) -> None:
    first, second = batch(("Q", "p"), ("x", "y"), source="one"), batch(("q ", "P"), ("x", "y", ("z",)), source="two")
    made = Exact()
    made.prepare([first, second], tmp_path, unwatched)
    assert made.judge(first, tmp_path).reasons == [None, None]
    verdicts = made.judge(second, tmp_path)
    assert verdicts.reasons == ["exact duplicate", None]
    assert [column[0].as_py() for column in verdicts.evidence.values()] == ["one", "f" * 16, 1]


def test_exact_equals_a_dictionary(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [(str(draw.randrange(60)), str(draw.randrange(9))) for _ in range(1000)]
    found = batch(*rows)
    seen: set[tuple[str, str]] = set()
    expected = [None if row not in seen and not seen.add(row) else "exact duplicate" for row in rows]  # type: ignore[func-returns-value]
    made = Exact()
    made.prepare([found.slice(0, 333), found.slice(333)], tmp_path, unwatched)
    assert [r for start in range(0, 1000, 77) for r in made.judge(found.slice(start, 77), tmp_path).reasons] == expected


def test_signatures_estimate_the_jaccard_similarity() -> None:
    words = [f"w{number}" for number in range(400)]
    texts = [" ".join(words), " ".join(words[:300]), " ".join(words[200:])]
    signed = signatures(texts)
    assert abs(similar(signed[:1], signed[1:2])[0] - 298 / 398) < 0.15
    assert similar(signed[1:2], signed[2:])[0] < 0.45


def test_shingles_of_short_and_wordless_texts() -> None:
    runs, offsets = shingles(as_series(["a", "a b c", "a b c d", "?!", "?", "", "a b"]))
    assert np.diff(offsets.astype(int)).tolist() == [1, 1, 2, 1, 1, 1, 1]
    assert len(set(runs.tolist())) == 7  # "a b c" is the first run of "a b c d"


def test_near_needs_both_sides(tmp_path: Path) -> None:
    long = " ".join(f"word{number}" for number in range(80))
    found = batch(
        ("does this come with a case?", long),
        ("DOES this come with a case !", long + "."),
        ("does this come with a lid?", long),
        ("does this come with a case?", "no"),
        ("does this come with a case?", long, ("n",)),
    )
    assert reasons(Near(), found, tmp_path) == [None, "near duplicate", None, None, None]
    evidence = Near().judge(found, tmp_path).evidence
    assert evidence["kept_line"].to_pylist() == [None, 1, None, None, None]
    assert evidence["similarity"].to_pylist()[1] == 1.0


def test_near_of_nothing(tmp_path: Path) -> None:
    Near().prepare([], tmp_path, unwatched)
    assert Near().judge(batch(("a", "b")), tmp_path).reasons == [None]


def test_overlap(tmp_path: Path) -> None:
    found = batch(
        ("print the current date", "Print or set the current date."),
        ("is it soft", "is it soft"),
        ("print the current date", "print the current date " + "and more " * 20),
        ("print the current date", "print the current date", ("n",)),
        ("how much does it weigh", "about three pounds in all"),
    )
    assert reasons(Overlap(), found, tmp_path) == ["overlap", None, None, None, None]
    assert reasons(Overlap(ratio=0), found, tmp_path) == ["overlap", None, "overlap", None, None]


@pytest.mark.parametrize(
    "rows",
    [
        [{"query": "a", "positive": "b", "negative": "nobody is out with an animal"}],
        [{"query": "a", "positive": "b", "negatives": ["c", "nobody is out with an animal"]}],
        [{"text1": "a", "text2": "nobody is out with an animal", "label": 0}],
        [{"premise": "a", "hypothesis": "nobody is out with an animal", "label": "neutral"}],
        [{"text": "nobody is out with an animal", "label": "x"}],
        [{"sentence": "a", "negated": "nobody is out with an animal"}],
    ],
    ids=["negative", "negatives", "different", "neutral", "alone with its label", "negated"],
)
def test_every_text_of_a_hold_out_set_is_held_out(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    held = tmp_path / "held.jsonl"
    write_jsonl(held, rows)
    found = batch(("a dog runs", "Nobody is out with an animal"), ("a dog runs", "it runs"))
    dropped = reasons(Leakage(holdouts=(Holdout("h", (held,)),)), found, tmp_path)
    assert [reason is not None for reason in dropped] == [True, False]


def test_leakage(tmp_path: Path) -> None:
    held = tmp_path / "held.jsonl"
    query = "how many people live in the old town of this city today"
    rows = [{"query": query, "positive": "yes"}, {"query": "why?", "positive": "It was founded in 1291 by monks."}]
    write_jsonl(held, rows)
    made = Leakage(holdouts=(Holdout("h", (held,)),), threshold=0.7)
    found = batch(
        ("WHY?", "because"),
        ("q", "it was founded  in 1291 by monks."),
        ("q", "yes"),
        ("q", "p", (query,)),
        (query + " please", "many"),
        ("something else entirely is asked here", "no"),
    )
    expected = ["hold-out query", "hold-out passage", None, "hold-out query", "near hold-out query", None]
    assert reasons(made, found, tmp_path) == expected
    evidence = made.judge(found, tmp_path).evidence
    assert evidence["holdout"].to_pylist()[0] == "h"
    assert evidence["side"].to_pylist()[3] == "negative"
    assert evidence["known"].to_pylist()[4] == query


def test_a_hold_out_set_may_lie_in_a_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "held.db") as database:
        database.execute("create table held (question text, answer text)")
        database.execute("insert into held values ('who lives in the old town', 'monks')")
    held = Holdout("h", url=f"sqlite:///{tmp_path}/held.db", query="select question, answer from held")
    found = batch(("Who lives in the old town", "monks"), ("who lives here", "nobody"))
    assert reasons(Leakage(holdouts=(held,)), found, tmp_path) == ["hold-out query", None]
    database.close()


@pytest.mark.data
def test_noisy_mix_against_its_labels(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "noisy_mix" / "pairs.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    found = batch(*[(row["query"], row["positive"]) for row in rows])
    alive = np.ones(len(rows), bool)
    dropped: dict[str, set[int]] = {}
    for made in (Empty(), Identical(), Length(), Boilerplate(), Exact(), Near()):
        left = np.flatnonzero(alive)
        given = reasons(made, found.take(pa.array(left)), _folder(tmp_path / made.name))
        dropped[made.name] = {int(row) for row, reason in zip(left, given, strict=True) if reason}
        alive[list(dropped[made.name])] = False
    kinds = {kind: {n for n, row in enumerate(rows) if row["noise"] == kind} for kind in {row["noise"] for row in rows}}
    assert kinds["empty"] <= dropped["empty"]
    assert kinds["identical_sides"] <= dropped["identical"]
    assert kinds["boilerplate"] <= dropped["boilerplate"]
    assert not (dropped["boilerplate"] | dropped["length"]) & kinds["none"]
    _duplicates_by_group(rows, alive, dropped["exact"] | dropped["near"])


def _duplicates_by_group(rows: list[dict[str, str]], alive: Any, dropped: set[int]) -> None:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[_words(row["query"]), _words(row["positive"])].append(number)
    real = {number for group in groups.values() if len(group) > 1 for number in group}
    assert len(dropped & real) / len(dropped) >= 0.99  # precision
    for group in groups.values():
        if dropped & set(group) & real:
            assert sum(alive[number] for number in group) == 1  # one survivor: recall 1.0, nothing lost


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
