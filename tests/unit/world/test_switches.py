"""Flags that two sides may set: a request, and whoever writes their file."""

from __future__ import annotations

import json
import os

import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.world.switches import Switches


@pytest.fixture
def switches(tmp_path):
    return Switches({"a": False, "b": 1}, tmp_path / "flags.json")


def written(switches, text):
    """As another process would: a new file in its place, a little later."""
    new = switches.file.with_name("new.json")
    new.write_text(text)
    os.utime(new, (2e9, 2e9))
    new.replace(switches.file)


def test_the_file_is_there_from_the_start(switches):
    assert json.loads(switches.file.read_text()) == {"a": False, "b": 1}


def test_what_is_set_stands_in_the_file(switches):
    switches.live["a"] = True
    switches.save()

    assert json.loads(switches.file.read_text()) == {"a": True, "b": 1}


def test_what_the_file_says_holds(switches):
    written(switches, '{"a": true, "b": 2}')
    switches.load()
    switches.save()

    assert switches.live == {"a": True, "b": 2}
    assert json.loads(switches.file.read_text()) == {"a": True, "b": 2}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": true}', '{"a": true, "b": 1, "c": 2}'])
def test_what_is_no_set_of_these_flags_changes_nothing(switches, text):
    written(switches, text)
    switches.load()

    assert switches.live == {"a": False, "b": 1}


def test_a_file_that_is_gone_changes_nothing(switches):
    switches.file.unlink()
    switches.load()

    assert switches.live == {"a": False, "b": 1}


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WorldError, match="the flags cannot be written there"):
        Switches({"a": 1}, tmp_path / "missing" / "flags.json")


def test_the_world_s_own_description_stays_as_it_is():
    described = {"a": {"b": 1}}
    switches = Switches(described)
    switches.live["a"]["b"] = 2

    assert described == {"a": {"b": 1}}


def test_variables_of_an_env_file_are_switches_too(tmp_path):
    """As dotenv writes them: comments and order of whoever edits them stay until a request sets something."""
    flags = Switches({"MULTI_HOP": False, "HOPS": 0, "MODEL": "llama3"}, tmp_path / "flags.env")
    assert flags.file.read_text() == "MULTI_HOP=false\nHOPS=0\nMODEL='llama3'\n"

    written(flags, "# on\nMULTI_HOP=true\nHOPS=2\nMODEL='llama3'\n")
    flags.load()
    flags.save()
    assert flags.live == {"MULTI_HOP": True, "HOPS": 2, "MODEL": "llama3"}
    assert flags.file.read_text().startswith("# on\n")

    written(flags, "MULTI_HOP=true\nHOPS=")
    flags.load()
    assert flags.live["HOPS"] == 2

    flags.live["HOPS"] = 1
    flags.save()
    assert flags.file.read_text() == "MULTI_HOP=true\nHOPS=1\nMODEL='llama3'\n"
