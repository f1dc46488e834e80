"""Flags: one JSON object, nested or with dots."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import FLAG_KINDS
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.flags import FileFlags, HttpFlags, flags_of


@pytest.fixture
def file_flags(tmp_path, at):
    """Flags in a file, at the run's instant."""

    def file_flags(content):
        (tmp_path / "flags.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        return FileFlags(tmp_path / "flags.json", now=lambda: at)

    return file_flags


@pytest.mark.parametrize(
    "document",
    [{"dual_memory": {"blended_recall": True}, "percent": 5}, {"dual_memory.blended_recall": True, "percent": 5}],
)
def test_nested_names_are_joined_with_dots(file_flags, hostile, at, document):
    """Both ways of writing say the same, in a file, over HTTP and in memory."""
    hostile.reply("/flags", json.dumps(document))
    expected = {"dual_memory.blended_recall": True, "percent": 5}

    assert file_flags(json.dumps(document)).read(at, 5) == expected
    assert HttpFlags(Service.of({"url": f"{hostile.url}/flags"}), now=lambda: at).read(at, 5) == expected
    assert FLAG_KINDS["memory"].open({"flags": document}, Path()).read(at, 5) == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": {"b": true}, "a.b": false}', "the flag 'a.b' is there twice"),
        ('{"a": true, "a": false}', "the key 'a' is there twice"),
        ('{"a": null}', "the flag 'a' is null"),
        ('{"a": {"b": [true]}}', "the flag 'a.b' is a list of 1"),
        ('{"a": 1e999}', "too large"),
        ('{"": true}', "is no name of a flag"),
        ("[true]", "a list of 1 is no set of flags"),
        ("true", "True is no set of flags"),
        ("", "empty"),
        ("<html>", "HTML"),
        ('{"a": ' * 50_000, "nested too deeply"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b" " * (5 * 2**20 + 1), "larger than 5 MiB"),
    ],
)
def test_what_is_no_set_of_flags(file_flags, at, content, says):
    """It is refused with the flag's name, not read as false."""
    with pytest.raises(SourceError) as caught:
        file_flags(content).read(at, 5)

    assert says in str(caught.value)
    assert "flags.json" in str(caught.value)


def test_flags_nested_too_deeply_in_memory():
    """A deep mapping is a sentence, too."""
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}

    with pytest.raises(SourceError, match="nested too deeply"):
        flags_of(deep, "memory")


def test_a_file_that_cannot_be_read(tmp_path, at):
    """Missing, a folder, a pipe that nobody fills."""
    os.mkfifo(tmp_path / "pipe")

    for name in ("missing.json", ".", "pipe"):
        with pytest.raises(SourceError, match="there is no such file"):
            FileFlags(tmp_path / name, now=lambda: at).read(at, 5)


@pytest.mark.parametrize("off", [timedelta(minutes=3), timedelta(days=-1)])
def test_flags_are_as_they_are_now(file_flags, hostile, at, off):
    """A file or a service does not know what they were."""
    for reader in (file_flags("{}"), HttpFlags(Service.of({"url": hostile.url}), now=lambda: at)):
        with pytest.raises(SourceError, match="answers for now only"):
            reader.read(at + off, 5)


@pytest.mark.parametrize(
    ("path", "says"), [("drip-body", "no answer within"), ("html", "HTML"), ("error", "status 500")]
)
def test_flags_from_a_hostile_service(hostile, at, path, says):
    """They are fetched as safely as a number."""
    with pytest.raises(SourceError, match=says):
        HttpFlags(Service.of({"url": f"{hostile.url}/{path}"}), now=lambda: at).read(at, 0.3)


def test_flags_from_an_old_cache(hostile, at):
    """What a cache kept for more than a minute is not how the flags are."""
    hostile.reply("/flags", "{}", "Age: 61")

    with pytest.raises(SourceError, match="a cache answered"):
        HttpFlags(Service.of({"url": f"{hostile.url}/flags"}), now=lambda: at).read(at, 5)


def test_flags_in_a_plan_arrive_as_texts(at):
    """`true` in a plan is true, and a word is a word."""
    reader = FLAG_KINDS["memory"].open({"flags": {"a": {"b": "true", "c": "0.5"}, "d": "blended"}}, Path())

    assert reader.read(at, 5) == {"a.b": True, "a.c": 0.5, "d": "blended"}


def test_a_part_of_an_answer(hostile, at):
    """The flags of a config endpoint may stand below something else; what is selected must be flags."""
    hostile.reply("/config", json.dumps({"version": 3, "config": {"rollout_percentage": 10, "hops": {"max": 1}}}))

    def read(select):
        reader = FLAG_KINDS["http"].open({"url": f"{hostile.url}/config", "select": select}, Path())
        return dataclasses.replace(reader, now=lambda: at).read(at, 5)

    assert read("config") == {"rollout_percentage": 10, "hops.max": 1}
    assert read("{percentage: config.rollout_percentage}") == {"percentage": 10}
    for select, says in (("version", "3 is no set of flags"), ("confg", "null is no set of flags"), ("a[", "JMESPath")):
        with pytest.raises(SourceError, match=says):
            read(select)


@pytest.mark.parametrize(
    ("kind", "options"), [("file", {}), ("file", {"path": {}}), ("http", {"url": "x"}), ("memory", {"flags": "x"})]
)
def test_options_that_cannot_be_meant(kind, options):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option '"):
        FLAG_KINDS[kind].open(options, Path())


def test_a_file_from_the_folder_of_the_plan(tmp_path):
    """Relative paths start there."""
    assert FLAG_KINDS["file"].open({"path": "flags.json"}, tmp_path) == FileFlags(tmp_path / "flags.json")
