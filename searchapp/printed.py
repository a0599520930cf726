"""What the `searchapp` command prints for people: results, answers, duplicates, figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from searchapp.demo.command import DemoReport
from searchapp.evaluate import Evaluation
from searchapp.schemas import Hit, Passage, SearchResult
from searchapp.service import Likeness
from searchapp.usecases.answers import Answer
from searchapp.usecases.duplicates_report import DuplicateReport

SHOWN = 240  # characters of a text in a terminal
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # control characters, directions


def print_result(result: SearchResult) -> None:
    """Each hit with its passage and what every stage thought of it."""
    if not result.hits:
        print("nothing found")
    for place, hit in enumerate(result.hits, 1):
        print(f"{place:>3}  {_plain(hit.record.title or hit.id)}  [{_plain(hit.id)}]")
        print(f"     {_snippet(hit)}")
        print(f"     {_stages(hit)}")
    print(f"{len(result.hits)} of version {result.version} in {result.took_ms:.0f} ms")


def _snippet(hit: Hit) -> str:
    place = f"  ({_place(hit.passage)})" if hit.passage.of > 1 or hit.passage.page else ""
    return _short(hit.passage.text) + place


def _place(passage: Passage) -> str:
    return f"passage {passage.ordinal + 1} of {passage.of}" + (f", page {passage.page}" if passage.page else "")


def _stages(hit: Hit) -> str:
    parts = [
        f"{name} {stage.score:.3f}{f' (rank {stage.rank})' if stage.rank else ''}" for name, stage in hit.stages.items()
    ]
    return "  ".join(parts)


def print_demo(report: DemoReport) -> None:
    """What became of one demo collection."""
    state = "was up to date" if report.unchanged else "built"
    print(
        f"{report.collection:<10} {state}: {report.records} records in {report.passages} passages, "
        f"nDCG@10 {report.quality:.3f}, {report.seconds:.1f} s"
    )


def print_evaluation(found: Evaluation) -> None:
    """A table: one line per mode, one column per measure."""
    measures = list(next(iter(found.modes.values())).means)
    print(f"{found.collection} version {found.version}, split {found.split}, {found.queries} queries; 95 % intervals")
    print("mode      " + "".join(f"{measure:<24}" for measure in measures) + "queries/s")
    for mode, scores in found.modes.items():
        cells = [
            f"{scores.means[m]:.3f} [{scores.intervals[m][0]:.3f}, {scores.intervals[m][1]:.3f}]" for m in measures
        ]
        print(f"{mode:<10}" + "".join(f"{cell:<24}" for cell in cells) + f"{scores.queries_per_second:.1f}")


def print_answer(answer: Answer) -> None:
    """The verdict where there is none, then each document's passages with the best sentence between » «."""
    if not answer.found:
        print(f"Nothing here answers that. {answer.why} The closest texts:")
    for place, document in enumerate(answer.documents, 1):
        print(f"{place:>3}  {_plain(document.record.title or document.id)}  [{_plain(document.id)}]")
        for excerpt in document.excerpts:
            start, end = (excerpt.statement.start, excerpt.statement.end) if excerpt.statement else (0, 0)
            text = document.record.text
            said = f"» {_short(text[start:end])} «" if end else _short(excerpt.passage.text)
            print(f"     {said}  ({_place(excerpt.passage)}, {_plain(str(excerpt.address))})")
    print(f"{len(answer.documents)} of version {answer.version} in {answer.took_ms:.0f} ms")


def print_alike(found: Sequence[Likeness]) -> None:
    """The records that say the same as a text."""
    for one in found:
        print(f"{one.score:.2f}  {_short(one.record.title or one.record.text)}  [{_plain(one.record.id)}]")
    print(f"{len(found)} say the same" if found else "nothing here says the same")


def print_duplicates(report: DuplicateReport, out: Path | None) -> None:
    """Every group with its members, surest first."""
    for number, group in enumerate(report.groups, 1):
        print(f"group {number}: mean score {group.mean:.2f}, weakest {group.weakest:.2f}")
        for record in report.members(group):
            print(f"     {_short(record.title or record.text)}  [{_plain(record.id)}]")
    inside = sum(len(group.members) for group in report.groups)
    print(
        f"{len(report.groups)} groups of {inside} records, out of {report.records}, at threshold {report.threshold:g}"
    )
    if out is not None:
        print(f"every pair is in {out}")


def _plain(text: str) -> str:
    """A text without what a terminal would obey rather than show."""
    return _OBEYED.sub(" ", text)


def _short(text: str) -> str:
    text = " ".join(_plain(text).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
