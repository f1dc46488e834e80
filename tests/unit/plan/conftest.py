"""A folder to write plans into, and the kinds of sources that they may name."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pytest_rollout.errors import PlanError
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.model import Plan
from pytest_rollout.sources.protocol import FlagKind, FlagReader, Option, OptionValue, Source, SourceKind


def _never_opened(options: Mapping[str, OptionValue], folder: Path) -> Source:
    raise AssertionError("loading a plan opens nothing")


def _no_flags(options: Mapping[str, OptionValue], folder: Path) -> FlagReader:
    raise AssertionError("loading a plan opens nothing")


@pytest.fixture(scope="session")
def kinds() -> dict[str, SourceKind]:
    url = Option("url", "its address", required=True)
    return {
        "prometheus": SourceKind(
            "prometheus",
            "a Prometheus server",
            (url, Option("bearer", "a token", secret=True), Option("headers", "further headers", mapping=True)),
            _never_opened,
        ),
        "memory": SourceKind(
            "memory",
            "answers that are written down",
            (Option("answers", "queries and answers", required=True, mapping=True),),
            _never_opened,
        ),
    }


@pytest.fixture(scope="session")
def flag_kinds() -> dict[str, FlagKind]:
    return {"file": FlagKind("file", "a JSON file", (Option("path", "the file", required=True),), _no_flags)}


@pytest.fixture
def load(tmp_path, kinds, flag_kinds) -> Callable[[str | bytes], Plan]:
    """Load a plan from its text; messages call the file `rollout.yaml`."""

    def load(content: str | bytes) -> Plan:
        path = tmp_path / "rollout.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_plan(path, kinds=kinds, flag_kinds=flag_kinds, shown="rollout.yaml")

    return load


@pytest.fixture
def refusal(load) -> Callable[[str | bytes], str]:
    """The message with which a plan is refused."""

    def refusal(content: str | bytes) -> str:
        with pytest.raises(PlanError) as refused:
            load(content)
        return str(refused.value)

    return refusal
