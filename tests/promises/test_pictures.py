"""A rollout's past and present as pictures, beside the tables that say the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

WHERE = ("--rollout-env", "test", "--ledger", "ledger.sqlite")


@pytest.fixture
def lived(project):
    """A rollout that began, took traffic, and has an incident."""
    for words in (
        ("start", "gates/shop", "phase1"),
        ("percentage", "gates/shop", "25 %"),
        ("percentage", "gates/shop", "0 %", "--rollback", "it was slow"),
    ):
        done = project.rollout(*words, *WHERE)
        assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.parametrize("command", ["history", "status"])
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_table_is_also_a_picture(lived, command, kind):
    """The same words on the screen as without it, and a file."""
    table = lived.rollout(command, "gates/shop", *WHERE).stdout

    done = lived.rollout(command, "gates/shop", *WHERE, "--picture", f"it.{kind}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:4] == table.split()[:4]
    content = (lived.folder / f"it.{kind}").read_bytes()
    assert content.startswith(b"\x89PNG") if kind == "png" else ET.fromstring(content).tag.endswith("svg")


def test_a_picture_of_no_kind_is_refused(lived):
    done = lived.rollout("history", "gates/shop", *WHERE, "--picture", "it.gif")

    assert done.returncode != 0
    assert "name it .svg or .png" in done.stderr
    assert not (lived.folder / "it.gif").exists()


def test_a_picture_that_cannot_be_written_is_said(lived):
    done = lived.rollout("status", "gates/shop", *WHERE, "--picture", "none/it.svg")

    assert done.returncode != 0
    assert "cannot be written" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
