"""Environment variables: filled in where they belong, and never shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import PlanError
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.expand import expand
from pytest_rollout.plan.nodes import Place

HERE = Place(Path("rollout.yaml"), 4, 3, "environments.production")


def environment(target: str = "", **options: object) -> Environment:
    source = SourceConfig(
        name="telemetry",
        kind="prometheus",
        options=options,
        place=Place(HERE.file, 6, 7, "environments.production.sources.telemetry"),
        places={
            name: Place(HERE.file, 7 + row, 14, f"environments.production.sources.telemetry.{name}")
            for row, name in enumerate(options)
        },
    )
    return Environment(
        name="production",
        world=None,
        target=target,
        flags=SourceConfig(name="flags", kind="file", options={"path": "${FLAGS:-flags.json}"}, place=HERE),
        sources={"telemetry": source},
        place=HERE,
        target_place=Place(HERE.file, 5, 13, "environments.production.target"),
    )


def target_of(text: str, **environ: str) -> str:
    return expand(environment(text), environ, shown="rollout.yaml").target


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("${HOST}", "db"),
        ("http://${HOST}:${PORT:-80}/x", "http://db:80/x"),
        ("${EMPTY:-other}", "other"),
        ("${HOST:-other}", "db"),
        ("${MISSING:-}", ""),
        ("${MISSING:-a b:-c}", "a b:-c"),
        ("$$", "$"),
        ("$${HOST}", "${HOST}"),
        ("$$${HOST}", "$db"),
        ("$HOST", "$HOST"),
        ("cost: 5$", "cost: 5$"),
        ("${CIRCLE}", "${HOST}"),
    ],
)
def test_variables_are_filled_in_once(text, filled):
    """What a variable holds is not looked at again."""
    assert target_of(text, HOST="db", EMPTY="", CIRCLE="${HOST}") == filled


def test_targets_flags_and_nested_options_are_filled_in():
    declared = environment(
        "${T}", url="${U}", headers={"X-Token": "${T}", "more": ["${U}", {"a": "$$"}], "n": 5, "b": True, "none": None}
    )

    expanded = expand(declared, {"T": "t", "U": "u"}, shown="rollout.yaml")

    assert expanded.target == "t"
    assert expanded.flags is not None
    assert expanded.flags.options == {"path": "flags.json"}
    assert expanded.sources["telemetry"].options == {
        "url": "u",
        "headers": {"X-Token": "t", "more": ["u", {"a": "$"}], "n": 5, "b": True, "none": None},
    }
    assert declared.target == "${T}"
    assert (expanded.name, expanded.place, expanded.world) == ("production", HERE, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "${URL}",
            "rollout.yaml:5:13: environments.production.target: environment variable 'URL' is not set\n"
            "  set it, or give a default: ${URL:-...}",
            id="missing",
        ),
        pytest.param(
            "${EMPTY}",
            "rollout.yaml:5:13: environments.production.target: environment variable 'EMPTY' is empty\n"
            "  set it, or give a default: ${EMPTY:-...}",
            id="empty",
        ),
        *[
            pytest.param(
                text,
                "rollout.yaml:5:13: environments.production.target: '${' without a name and a '}'\n"
                "  write ${NAME} or ${NAME:-default}; a plain dollar is $$",
                id=f"malformed-{text}",
            )
            for text in ("${", "${}", "${A", "${1A}", "${A-b}", "${A:b}", "${ A }", "x${A.b}")
        ],
        *[
            pytest.param(
                f"${{{name}}}",
                f"rollout.yaml:5:13: environments.production.target: environment variable '{name}' "
                "holds a line break or a control character\n"
                "  set it to one line; the value is not shown",
                id=name,
            )
            for name in ("NEWLINE", "RETURN", "NUL", "SEPARATOR", "SURROGATE")
        ],
    ],
)
def test_what_cannot_be_filled_in_says_where_and_which(text, message):
    environ = {
        "EMPTY": "",
        "NEWLINE": "hunter2\nX-Admin: 1",
        "RETURN": "hunter2\r",
        "NUL": "hunter2\0",
        "SEPARATOR": "hunter2\u2028",
        "SURROGATE": "hunter2\udcff",
    }

    with pytest.raises(PlanError) as refused:
        target_of(text, **environ)

    assert str(refused.value) == message


def test_all_of_them_are_told_at_once_each_where_it_stands():
    declared = environment("${A}", url="${B}", bearer="${C} ${C} ${", headers={"X": "${D}"})

    with pytest.raises(PlanError) as refused:
        expand(declared, {"D": "hunter2\n"}, shown="rollout.yaml")

    assert [(each.line, each.column, each.path.rpartition(".")[2]) for each in refused.value.problems] == [
        (5, 13, "target"),
        (7, 14, "url"),
        (8, 14, "bearer"),
        (8, 14, "bearer"),
        (9, 14, "headers"),
    ]
    assert "hunter2" not in str(refused.value)


def test_an_option_without_a_place_is_told_at_its_source():
    with pytest.raises(PlanError, match=r"rollout\.yaml:4:3: environments\.production: .*'FLAGS' holds"):
        expand(environment(), {"FLAGS": "a\n"}, shown="rollout.yaml")


@given(secret=st.text(min_size=6, max_size=30), text=st.sampled_from(["${S}", "a${S}b", "${S} ${MISSING}", "${S} ${"]))
def test_no_value_is_in_a_repr_or_a_message(secret, text):
    """Whatever the value is, and whether or not it can be used."""
    secret = f"<<{secret}>>"
    shown = ""
    try:
        shown = repr(expand(environment(text, url=text, headers={"a": [text]}), {"S": secret}, shown="rollout.yaml"))
    except PlanError as error:
        shown = f"{error!r} {error} {error.problems!r}"

    assert secret not in shown


def test_an_environment_from_a_plan_is_expanded_with_its_places(load):
    text = (Path(__file__).parent / "plans" / "full.yaml").read_text()

    with pytest.raises(PlanError) as refused:
        expand(load(text).environments["production"], {"TARGET": "http://t"}, shown="rollout.yaml")

    assert str(refused.value) == (
        "rollout.yaml:41:42: environments.production.sources.telemetry.url: "
        "environment variable 'PROMETHEUS_URL' is not set\n"
        "  set it, or give a default: ${PROMETHEUS_URL:-...}\n"
        "rollout.yaml:41:71: environments.production.sources.telemetry.bearer: "
        "environment variable 'TOKEN' is not set\n"
        "  set it, or give a default: ${TOKEN:-...}"
    )


def test_the_plans_file_is_named_as_it_was_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PlanError, match=r"^rollout\.yaml:5:13: "):
        expand(environment("${A}"), {})
