"""Variables in an env file: read as dotenv and systemd read them, refused where they would differ."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import env_file
from pytest_rollout.sources.env_file import EnvFileFlags, variables_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=true", True),
        ("KEY=False", False),
        ("KEY=10", 10),
        ("KEY=0.85", 0.85),
        ("KEY=-1e3", -1000.0),
        ("KEY=blended", "blended"),
        ("KEY=two words", "two words"),
        ("KEY=", ""),
        ("KEY=''", ""),
        ("KEY=null", "null"),
        ("KEY=NaN", "NaN"),
        ("KEY=on", "on"),
        ("KEY=1.2.3", "1.2.3"),
        ("KEY = spaced ", "spaced"),
        ("export KEY=5", 5),
        ("  KEY=5", 5),
        ("KEY=a#b", "a#b"),
        ('KEY="10"', 10),
        ('KEY="a # b"', "a # b"),
        ("KEY='$HOME `ls` \\n'", "$HOME `ls` \\n"),
        (r'KEY="a\nb \"c\" \$d"', 'a\nb "c" $d'),
        ("KEY=http://a/b?c=d", "http://a/b?c=d"),
        ("KEY=5\r", 5),
    ],
)
def test_a_line_sets_a_variable(line, value):
    """Numbers and truths are such, also in quotes; everything else is text."""
    found = variables_of(f"# comment\n\n{line}\n", "x.env")

    assert found == {"KEY": value}
    assert type(found["KEY"]) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"KEY {SECRET}", "x.env:1: is not KEY=value"),
        (f"={SECRET}", "x.env:1: is not KEY=value"),
        (f"1KEY={SECRET}", "is not KEY=value"),
        (f"A=1\nKEY=1\nKEY={SECRET}", "x.env:3: the key 'KEY' is there twice"),
        (f"KEY=${SECRET}", "x.env:1: KEY: readers of env files differ"),
        (f'KEY="${{{SECRET}}}"', "differ on this value"),
        (f"KEY=`{SECRET}`", "differ on this value"),
        (f'KEY="{SECRET}', "differ on this value"),
        (f"KEY='{SECRET}", "differ on this value"),
        (f'KEY="{SECRET}" more', "differ on this value"),
        (f"KEY={SECRET}'s", "differ on this value"),
        (f"KEY={SECRET}\\", "differ on this value"),
        (f"KEY={SECRET} # why", "comments on lines of their own"),
        (f"KEY=# {SECRET}", "comments on lines of their own"),
        (f'KEY="5" # {SECRET}', "comments on lines of their own"),
        ("KEY=1e999", "too large for a number"),
    ],
)
def test_what_readers_could_read_differently(text, says):
    """It is refused with its line, and its value, which may be a secret, is not repeated."""
    with pytest.raises(SourceError) as caught:
        variables_of(text, "x.env")

    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_file(tmp_path, at):
    """From the plan's folder, as it is now."""
    (tmp_path / "service.env").write_text("ENABLE_MULTI_HOP=false\nENRICHMENT_ROLLOUT_PERCENTAGE=10\n")
    (tmp_path / "broken.env").write_bytes(b"A=\xff")

    flags = EnvFileFlags(tmp_path / "service.env", now=lambda: at)

    assert flags.read(at, 5) == {"ENABLE_MULTI_HOP": False, "ENRICHMENT_ROLLOUT_PERCENTAGE": 10}
    assert env_file.KIND.open({"path": "service.env"}, tmp_path) == EnvFileFlags(tmp_path / "service.env")
    for name, moment, says in (
        ("service.env", at - timedelta(hours=1), "answers for now only"),
        ("none.env", at, "there is no such file"),
        ("broken.env", at, "is not UTF-8"),
    ):
        with pytest.raises(SourceError, match=says):
            EnvFileFlags(tmp_path / name, now=lambda: at).read(moment, 5)


@pytest.mark.parametrize("options", [{}, {"path": " "}, {"path": {}}])
def test_options_that_cannot_be_meant(options):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option 'path'"):
        env_file.KIND.open(options, Path())


@given(st.text(st.characters(codec="utf-8", exclude_characters="'\n\r\0")))
def test_single_quotes_keep_everything(text):
    """What stands between them is the value, whatever it is."""
    assert variables_of(f"KEY='x{text}'", "x.env") == {"KEY": f"x{text}"}


@given(st.text(max_size=30), st.text(max_size=200))
def test_a_bare_value_ends_soon(key, text):
    """Whatever a line holds, it is read or refused; nothing is searched for long."""
    try:
        found = variables_of(f"K={text}\n{key}={' a' * 2000}$", "x.env")
    except SourceError:
        return
    assert "K" in found
