"""What a person reads while waiting."""

from __future__ import annotations

import io

import pytest

from indexer.progress import Progress, describe, duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "1 h 00 min"),
        (7_800, "2 h 10 min"),
    ],
)
def test_duration_is_said_in_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_rate_counts_only_what_this_run_did() -> None:
    line = describe("embedding", 60_000, 100_000, fresh=10_000, seconds=10)
    assert line == "embedding            60 000 / 100 000  1 000/s  40 s left"


def test_a_log_gets_a_line_at_each_phase_and_at_its_end_and_no_control_characters() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for done in range(0, 1001, 10):
        progress("embedding", done, 1000)
    progress("indexing", 0, None)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["embedding", "embedding", "indexing"]
    assert "1 000 / 1 000" in lines[1]
    assert "\x1b" not in stream.getvalue()


def test_a_note_stands_at_the_end_of_the_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.note = "loss 0.1234"
    progress("training", 0, 10)
    progress.close()
    assert stream.getvalue().rstrip().endswith("loss 0.1234")


def test_another_lot_of_the_same_phase_is_counted_from_its_own_start(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 110.0, 111.0, 121.0])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    stream = io.StringIO()
    progress = Progress(stream)
    for done, total in ((32, 1_000), (1_000, 1_000), (32, 64), (64, 64)):
        progress("embedding", done, total)
    assert [line.split("  ")[-1] for line in stream.getvalue().splitlines()] == ["32 / 1 000", "97/s", "32 / 64", "3/s"]
