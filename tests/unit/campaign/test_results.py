"""Results: what is written is read as pytest-benchmark's, and is there as a whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.campaign.results import Rounds, as_benchmarks, unfinished, written_whole
from pytest_rollout.errors import RolloutError, SourceError
from pytest_rollout.sources.benchmark_json import KIND, read_report
from pytest_rollout.sources.protocol import Question

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
MACHINE = {"node": "bench-1", "python_version": "3.11", "cpu": {"brand_raw": "CPU"}}


def text_of(*rounds):
    return as_benchmarks(rounds, taken=AT, machine=MACHINE)


@given(st.lists(st.floats(min_value=1e-9, max_value=1e6), min_size=1, max_size=40))
def test_what_is_written_is_read(tmp_path_factory, seconds):
    """Each round, the time, and the name in brackets, by the source that gates read."""
    path = tmp_path_factory.mktemp("results") / "now.json"
    written_whole(path, text_of(Rounds(name="search[p99]", seconds=seconds)))

    report = read_report(path)

    assert report.rounds("search[p99]") == tuple(seconds)
    assert report.taken == AT
    source = KIND.open({"path": path.name, "unit": "ms"}, path.parent)
    (sample,) = source.ask(Question(query="search[p99]#max", at=AT, timeout_seconds=10)).samples
    assert sample.value == pytest.approx(1000 * max(seconds))


def test_writing_again_changes_nothing(tmp_path):
    """The same rounds are the same bytes."""
    path = tmp_path / "now.json"
    written_whole(path, text_of(Rounds(name="a", seconds=[0.1, 0.2])))
    before = path.read_bytes()

    written_whole(path, text_of(Rounds(name="a", seconds=[0.1, 0.2])))

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["now.json"]


def test_what_cannot_be_written_leaves_what_was(tmp_path, monkeypatch):
    """Also when the end comes at the worst moment, just before the file has its name."""
    path = tmp_path / "now.json"
    written_whole(path, "before")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written_whole(path, "after")

    assert path.read_text() == "before"
    assert not unfinished(tmp_path)


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "results").write_text("")

    with pytest.raises(RolloutError, match=r"now\.json: cannot be written"):
        written_whole(tmp_path / "results" / "now.json", "{}")


@pytest.mark.parametrize("seconds", [[], [0.0], [-1.0], [float("nan")], [float("inf")]])
def test_a_round_that_is_no_time_is_refused(seconds):
    with pytest.raises(RolloutError, match="a round takes a time above 0"):
        Rounds(name="a", seconds=seconds)


def test_a_file_that_ends_in_the_middle_is_no_result(tmp_path):
    text = text_of(Rounds(name="a", seconds=[0.1]))
    (tmp_path / "now.json").write_text(text[: len(text) // 2])

    with pytest.raises(SourceError, match=r"now\.json: the answer is not sound JSON"):
        read_report(tmp_path / "now.json")
