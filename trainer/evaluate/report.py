"""An evaluation told: a table for a terminal, one JSON object per figure, or a folder with a page and pictures.

The folder holds `evaluation.json` (models, figures, differences), `report.md` and the pictures that the page shows. Figures
are fractions of one everywhere: EasyNegation .853 means 85.3 % of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexer.files import canonical_json, write_bytes
from trainer.evaluate.evaluation import Difference, Evaluation, Figure
from trainer.evaluate.suite import LOWER

FORMAT = 1
Line = dict[str, Any]


def json_lines(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> list[Line]:
    """A dict per figure, then per difference. Figures name their model only where there are several."""
    several = len(evaluations) > 1
    figures = [
        ({"model": found.model} if several else {}) | _plain(figure)
        for found in evaluations
        for figure in found.figures
    ]
    return [*figures, *task_lines(evaluations), *(_plain(difference) for difference in differences)]


def task_lines(evaluations: Sequence[Evaluation]) -> list[Line]:
    """A dict per task of mteb, which tells no interval and no number of items."""
    several = len(evaluations) > 1
    return [
        ({"model": found.model} if several else {})
        | {"set": score.task, "metric": score.metric, "value": round(score.value, 6), "split": score.split}
        for found in evaluations
        for score in found.tasks
    ]


def _plain(told: Figure | Difference) -> Line:
    """Without what was not cut, numbers at six places."""
    found = {key: value for key, value in asdict(told).items() if value is not None}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in found.items()}


def table(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> str:
    """Figures side by side, the main ones by dimension and by length, then what differs from whom."""
    parts = ["\n".join(_about(found) for found in evaluations)]
    parts += [_aligned(rows) for _, rows in tables(evaluations, differences)]
    return "\n\n".join([*parts, _legend(differences)])


def tables(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> list[tuple[str, list[list[str]]]]:
    """(title, rows) of every table that has rows; each begins with its header."""
    found = [
        ("Figures", figure_rows(evaluations)),
        ("By dimension", curve_rows(evaluations, "dim", "dimensions")),
        ("By length", curve_rows(evaluations, "tokens", "tokens")),
        ("Tasks of mteb", task_rows(evaluations)),
        ("Differences", difference_rows(differences)),
    ]
    return [(title, rows) for title, rows in found if len(rows) > 1]


def _legend(differences: Sequence[Difference]) -> str:
    if not differences:
        return "[95 % bootstrap interval over the items]"
    return "[95 % bootstrap interval over the items; of differences paired] * leaves out zero"


def _about(found: Evaluation) -> str:
    facts = [f"{found.seconds:.0f} s"]
    facts += [found.precision] if found.precision else []
    facts += [f"fingerprint {found.fingerprint[:12]}"] if found.fingerprint else []
    facts += [f"A QUICK LOOK: at most {found.rows:,} rows of each set"] if found.rows else []
    return f"{found.model}: {', '.join(facts)}"


def figure_rows(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """The uncut figures: set, metric, items and one column per model."""
    rows = [["set", "metric", "n", *(found.model for found in evaluations)]]
    for figures in zip(*(found.figures for found in evaluations), strict=True):
        first = figures[0]
        cells = [f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]" for figure in figures]
        if first.dim is first.tokens is None:
            rows.append([first.set, metric_of(first), f"{first.n:,}", *cells])
    return rows


def curve_rows(evaluations: Sequence[Evaluation], key: str, label: str) -> list[list[str]]:
    """Each set's main metric where something was cut: a row per set and model, a column per cut."""
    cuts = sorted({getattr(f, key) for f in evaluations[0].figures} - {None}, reverse=key == "dim")
    rows = [["set", "metric", *([] if len(evaluations) == 1 else ["model"]), *(f"{cut} {label}" for cut in cuts)]]
    for name, metric in main_metrics(evaluations[0]).items():
        for found in evaluations:
            of = {getattr(f, key): f"{f.value:.4f}" for f in found.figures if (f.set, f.metric) == (name, metric)}
            if any(cut in of for cut in cuts):
                model = [] if len(evaluations) == 1 else [found.model]
                rows.append([name, metric, *model, *(of.get(cut, "") for cut in cuts)])
    return rows


def main_metrics(found: Evaluation) -> dict[str, str]:
    """The first metric of each set."""
    return {one.set: one.metric for one in reversed(found.figures)}


def metric_of(told: Figure | Difference) -> str:
    """The metric's name, with a word where less is better."""
    return f"{told.metric} (less is better)" if told.metric in LOWER else told.metric


def task_rows(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Tasks of mteb, one column per model."""
    rows = [["task of mteb", "metric", "split", *(found.model for found in evaluations)]]
    for scores in zip(*(found.tasks for found in evaluations), strict=True):
        rows.append([scores[0].task, scores[0].metric, scores[0].split, *(f"{score.value:.4f}" for score in scores)])
    return rows


def difference_rows(differences: Sequence[Difference]) -> list[list[str]]:
    """The uncut differences: a row per set, metric and other model."""
    rows = [["set", "metric", "n", "difference", ""]]
    for told in differences:
        mark = "*" if told.low > 0 or told.high < 0 else ""
        value = f"{told.difference:+.4f} [{told.low:+.4f}, {told.high:+.4f}]{mark}"
        if told.dim is told.tokens is None:
            rows.append([told.set, metric_of(told), f"{told.n:,}", value, f"{told.model} − {told.other}"])
    return rows


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def write_report(evaluations: Sequence[Evaluation], differences: Sequence[Difference], out: Path) -> list[Path]:
    """Write evaluation.json, report.md and the pictures into `out`, made if need be; returns the files."""
    from trainer.evaluate.plots import PICTURES

    for name, (_, draw) in PICTURES.items():
        picture = draw(evaluations, differences)
        if picture is None:
            (out / name).unlink(missing_ok=True)  # of an earlier suite
        else:
            write_bytes(out / name, picture)
    drawn = [name for name in PICTURES if (out / name).is_file()]
    write_bytes(out / "report.md", _page(evaluations, differences, drawn).encode())
    write_bytes(out / "evaluation.json", canonical_json(_record(evaluations, differences)))
    return [out / name for name in ("evaluation.json", "report.md", *drawn)]


def _record(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> dict[str, Any]:
    told = ("model", "fingerprint", "precision", "rows", "seconds")
    return {
        "format": FORMAT,
        "models": [{key: getattr(found, key) for key in told} for found in evaluations],
        "figures": [{"model": found.model} | _plain(figure) for found in evaluations for figure in found.figures],
        "tasks": task_lines(evaluations),
        "differences": [_plain(difference) for difference in differences],
    }


def _page(evaluations: Sequence[Evaluation], differences: Sequence[Difference], drawn: Iterable[str]) -> str:
    from trainer.evaluate.plots import PICTURES

    parts = ["# Evaluation", "\n".join(f"- {_about(found)}" for found in evaluations)]
    parts += [f"![{PICTURES[name][0]}]({name})" for name in drawn]
    parts += [f"## {title}\n\n{_markdown(rows)}" for title, rows in tables(evaluations, differences)]
    parts.append("Fractions of one. " + _legend(differences).replace("*", "\\*"))
    return "\n\n".join(parts) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
