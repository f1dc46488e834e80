"""What the pages say is what happens: every block of code is tried, every link leads somewhere, every list is whole."""

import dataclasses
import importlib.util
import re
import runpy
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from blocks import LANGUAGES, ROOT, blocks_of, matches, pages, prose_of, tables_of
from page_project import Project

from pytest_rollout import cli, decisions, plugin
from pytest_rollout.actions import ACTION_KINDS
from pytest_rollout.errors import SourceError
from pytest_rollout.plan.grammar import NOT_JUDGED_YET, plan_shape
from pytest_rollout.plan.numbers import SUMMARY_PATTERN
from pytest_rollout.plan.structures import Fields
from pytest_rollout.reports.guide import BEGIN
from pytest_rollout.signoff import grounds
from pytest_rollout.signoff.approvers import APPROVER
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.sources.protocol import Question
from pytest_rollout.timeseries import TimeSeries
from pytest_rollout.windows import Window

PAGES = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages()]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "pytest_rollout"
SOURCES = DOCS / "sources.md"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_does_what_the_page_says(page, tmp_path):
    """Blocks run from top to bottom, in a project of the page's own."""
    expected = [block for block in blocks_of(page) if block.kind != "not run"]

    assert Project(page, tmp_path).run() == len(expected)


def test_pages_have_blocks_that_run(record_property):
    """None at all would pass every test above."""
    blocks = [block for page in pages() for block in blocks_of(page)]
    running = [block for block in blocks if block.kind not in {"not run", "text"}]
    record_property("blocks", f"{len(running)} of {len(blocks)} run")

    assert len(running) >= 60
    for page in ("README.md", "docs/start.md", "docs/gates.md", "docs/plan.md", "docs/sources.md", "docs/exit-code.md"):
        assert any(block.page == ROOT / page for block in running), f"{page} has no block that runs"


def test_blocks_that_do_not_run_say_why():
    """`not run` is for what a test must not do, such as installing, and is rare."""
    skipped = [block for page in pages() for block in blocks_of(page) if block.kind == "not run"]

    assert all(len(block.rest) > 10 for block in skipped)
    assert len([block for block in skipped if "rollouts" not in block.page.parts]) <= 13


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_a_known_language(page):
    """A block without a language is one that nobody would try."""
    assert {block.language for block in blocks_of(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Files exist, and headings exist in them."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}: there is no such file"
        assert not anchor or anchor in _anchors(file), f"{page.name}: {target}: there is no such heading"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of_headings(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose_of_headings(page: Path) -> str:
    """A page without its blocks: a `# comment` in one is no heading."""
    return re.sub(r"^( *)```.*?^\1```\s*$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, pytest.param(ROOT / "CHANGELOG.md", id="CHANGELOG.md")])
def test_pages_hold_no_path_of_somebodys_machine(page):
    """Nor the address of anybody's package index."""
    found = re.findall(r"(?:/tmp/|/home/|/root/|/work/|index-url)\S*", page.read_text("utf-8"))

    assert not found


def test_every_page_is_linked_from_the_readme():
    """A page that nothing leads to is not read."""
    readme = (ROOT / "README.md").read_text("utf-8")

    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in readme, f"README.md does not lead to docs/{page.name}"


def test_every_reason_code_is_explained():
    """The table of reasons is `MEANING`, in its words; codes that nothing gives yet are marked."""
    rows = {row[0].strip("`"): row for row in tables_of(DOCS / "exit-code.md", "reason")}

    assert {code: row[2] for code, row in rows.items()} == {str(code): text for code, text in decisions.MEANING.items()}
    assert {code for code, row in rows.items() if row[3] == "no"} == _reserved()


def _reserved() -> set[str]:
    """Codes that no module but `decisions` names."""
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "decisions.py"]
    named = {word for source in sources for word in re.findall(r"Reason\.([A-Z_]+)\b", source)}
    return {str(code) for code in decisions.Reason if code.name not in named | {"WARNING", "CRITICAL"}}


def test_every_exit_code_is_explained():
    """The codes that the plugin sets stand in the table of exit codes."""
    rows = {row[0] for row in tables_of(DOCS / "exit-code.md", "exit code")}

    assert {str(int(code)) for code in decisions.ExitCode} <= rows


def test_every_module_is_on_the_map():
    """One noun, one module: the architecture page names each of them, and no other."""
    named = {row[0].strip("`") for row in tables_of(DOCS / "architecture.md", "module")}
    modules = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}

    assert named == modules, f"missing: {sorted(modules - named)}; gone: {sorted(named - modules)}"


def test_every_command_is_explained():
    """Each part of `rollout` has a row with its exit codes, and there is no row for another."""
    rows = {
        word for row in tables_of(DOCS / "exit-code.md", "command") for word in re.findall(r"rollout (\w+)", row[0])
    }

    modules = [
        PACKAGE / f"{name}.py" for name in ("cli", "chronicle", "records", "report_commands", "signoff_commands")
    ]
    words = [re.findall(r'\bcommands\.add_parser\(\s*"(\w+)"', each.read_text("utf-8")) for each in modules]
    assert rows == {word for each in words for word in each}


def test_every_ground_is_explained():
    """Why a signature does not count, in the words of the code; and each key of an approver."""
    page = DOCS / "approvals.md"
    rows = {row[0].strip("`"): row[1] for row in tables_of(page, "ground")}

    assert rows == {str(ground): text for ground, text in grounds.MEANING.items()}
    assert {row[0].strip("`") for row in tables_of(page, "key of an approver")} == set(APPROVER.keys)


def test_every_row_of_measured_coverage_is_a_case():
    """The tables of bounds are those of the script that prints them, with its seed."""
    coverage = runpy.run_path(str(ROOT / "tests" / "benchmarks" / "series_coverage.py"))
    rows = [(row[0], int(row[1])) for row in tables_of(DOCS / "statistics.md", "noise")]

    assert sorted(rows) == sorted((case.name, case.points) for case in coverage["cases"]())
    assert f"seed {coverage['SEED']}" in (DOCS / "statistics.md").read_text("utf-8")


def test_every_row_of_measured_experiments_is_a_case():
    """Both tables of statistics-measured.md are those of the script, with its seed and its repetitions."""
    page = DOCS / "statistics-measured.md"
    script = _module(ROOT / "tests" / "benchmarks" / "coverage.py")
    once = [(row[0], row[1], row[2]) for row in tables_of(page, "rows") if len(row) > 5]
    hourly = [row[0] for row in tables_of(page, "every look")]

    assert once == [
        (case.shape.name, case.split, "units" if case.clustered else "independent") for case in script.once_cases()
    ]
    assert hourly == [case.name for case in script.hourly_cases()]
    assert f"seed {script.SEED}" in page.read_text("utf-8")
    assert f"{script.REPETITIONS} repetitions" in page.read_text("utf-8")


def _module(path: Path) -> ModuleType:
    """A script, imported by its path: its dataclasses look for their module."""
    spec = importlib.util.spec_from_file_location(f"_{path.stem}_of_docs", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


@pytest.mark.parametrize("page", [page for page in PAGES if BEGIN in page.values[0].read_text("utf-8").splitlines()])
def test_every_guide_is_its_plan(page, monkeypatch):
    """What a page of a rollout says of phases and limits was made from the plan that is judged."""
    monkeypatch.chdir(ROOT)
    folder = f"gates/{page.parent.name}"

    assert cli.main(["guide", folder, "--page", str(page.relative_to(ROOT)), "--check"]) == 0


def test_every_rollout_has_a_guide():
    guided = {page.values[0].parent.name for page in PAGES if BEGIN in page.values[0].read_text("utf-8")}

    assert guided >= {plan.parent.name for plan in ROOT.glob("gates/*/rollout.yaml")}


def test_every_dependency_says_why():
    """Each package of pyproject.toml, and each extra by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {name: needs for name, needs in project["optional-dependencies"].items() if name != "dev"}
    needs = [*project["dependencies"], *(each for needs in extras.values() for each in needs)]
    packages = {re.match(r"[\w-]+", each)[0] for each in needs} - {"pytest-rollout"}
    rows = [row[0] for row in tables_of(DOCS / "architecture.md", "package")]

    assert {re.match(r"[\w-]+", row)[0].lower() for row in rows} == packages
    assert {row for row in rows for name in extras if f"(`{name}`)" in row or row == f"{name}, an extra"} == {
        row for row in rows if "an extra" in row
    }


def test_every_key_of_a_plan_is_explained():
    """Each key that is judged has a row, under its full path; each that is refused stands in the other table."""
    rows = {row[0].strip("`") for row in tables_of(DOCS / "plan.md", "key")}
    shape = plan_shape(KINDS, FLAG_KINDS)
    plan = {*shape.keys, *_below(shape, "metrics"), *_below(shape, "budgets"), *_below(shape, "phases")}

    assert plan <= rows, f"missing: {sorted(plan - rows)}"


def test_every_key_of_a_level_and_an_environment_is_explained():
    """The same for what stands below them."""
    shape = plan_shape(KINDS, FLAG_KINDS)
    level = shape.keys["budgets"].values.keys["critical"].long
    environment = shape.keys["environments"].values
    rows = tables_of(DOCS / "plan.md", "key of a level")
    of_levels = {each.strip(" `") for row in rows for each in row[0].split(",")}
    of_environments = {row[0].strip("`") for row in tables_of(DOCS / "plan.md", "key of an environment")}

    assert of_levels == set(level.keys)
    assert of_environments == {*environment.having.keys, *environment.lacking.keys}


def test_every_summary_of_a_window_is_explained():
    """In the plan's words and in Python's."""
    words = {word for row in tables_of(DOCS / "plan.md", "`as`") for word in re.findall(r"`(\w+)`", row[0])}
    rows = tables_of(DOCS / "gates.md", "of a window")
    in_python = {word for row in rows for word in re.findall(r"`\.([a-z_]+)", row[0])}
    facts = {each.name for each in dataclasses.fields(Window)} | {"length", "gaps", "named"}

    assert words == {*re.findall(r"[a-z]{3,}", SUMMARY_PATTERN), "p99"}
    assert (
        in_python - {"highest", "lowest"}
        == {name for name in vars(Window) | vars(TimeSeries) if not name.startswith("_")} - facts
    )


def _below(shape: Fields, name: str) -> set[str]:
    values = shape.keys[name].values
    return {f"{name}.*.{key}" for key in values.keys}


def test_every_refused_key_is_listed():
    """Keys that come later are refused, and the page says which."""
    rows = {
        (row[0], each.strip(" `")) for row in tables_of(DOCS / "plan.md", "refused in") for each in row[1].split(",")
    }

    assert rows == {(where, key) for where, keys in NOT_JUDGED_YET.items() for key in keys}


def test_every_kind_of_source_is_explained():
    """With each of its options; and each is found by what somebody has, and by what it can be asked."""
    assert _options_on_the_page("source kind") == {
        (name, option.name) for name, kind in KINDS.items() for option in kind.options
    }
    assert _options_on_the_page("flags kind") == {
        (name, option.name) for name, kind in FLAG_KINDS.items() for option in kind.options
    }
    abilities = [row[0].strip("`") for row in tables_of(SOURCES, "kind")]
    assert sorted(abilities) == sorted(KINDS)
    had = {word for row in tables_of(SOURCES, "you have") for word in re.findall(r"`([a-z_]+)`", row[1])}
    assert had == KINDS.keys() | FLAG_KINDS.keys()


def test_every_kind_of_action_is_explained():
    """With each of its options."""
    assert _options_on_the_page("action kind", DOCS / "actions.md") == {
        (name, option.name) for name, kind in ACTION_KINDS.items() for option in kind.options
    }


def _options_on_the_page(heading: str, page: Path = SOURCES) -> set[tuple[str, str]]:
    """(kind, option) of a table whose rows may be about several kinds; none is there twice."""
    rows = [(kind.strip(" `"), row[1].strip("`")) for row in tables_of(page, heading) for kind in row[0].split(",")]
    assert len(rows) == len(set(rows))
    return set(rows)


def test_what_a_kind_cannot_be_asked_is_refused():
    """Each "no" of the page: for a series, for a histogram, for the past."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    asked = (Question(query="q", at=at, start=at - timedelta(hours=1)), Question(query="q", at=at, buckets=True))
    opened = {
        "scrape": {"url": "http://127.0.0.1:9/metrics"},
        "http_json": {"url": "http://127.0.0.1:9"},
        "logs": {"path": "x.log", "pattern": "(?P<at>.+)"},
        "junit": {"path": "x.xml"},
        "benchmark_json": {"path": "x.json"},
        "command": {"run": ["true", "{start}"]},
    }
    for row in tables_of(SOURCES, "kind"):
        for question, said in zip((*asked, Question(query="q", at=at)), row[2:5], strict=True):
            if said == "no":
                source = KINDS[row[0].strip("`")].open(opened[row[0].strip("`")], Path())
                with pytest.raises(SourceError, match=r"has no |for now only"):
                    source.ask(question)


def test_every_promise_of_reliability_has_its_test():
    """Each row names a test that is there, in a file that holds the words that are said; every kind has a row."""
    page = DOCS / "reliability.md"
    rows = tables_of(page, "source")
    for source, backend, said, _, proof in rows:
        path, _, name = proof.strip("`").partition("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert re.search(rf"^ *def {name}\(", text, flags=re.MULTILINE), f"{source}, {backend}: there is no {proof}"
        for words in re.findall(r"`([^`]+)`", said):
            assert words in text, f"{source}, {backend}: {path} does not say '{words}'"

    assert {kind for row in rows for kind in re.findall(r"`(\w+)`", row[0])} >= KINDS.keys()
    assert f"\n{len(rows)} ways, each with the test that proves it" in page.read_text("utf-8")


def test_each_case_at_each_source_is_the_one_that_is_tried():
    """The table of hostile services is the one of the tests, to the word, and so is the count."""
    spec = importlib.util.spec_from_file_location("hostile_cases", ROOT / "tests/unit/sources/test_hostile.py")
    assert spec is not None
    assert spec.loader is not None
    tried = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tried)

    rows = tables_of(DOCS / "reliability.md", "a service that")
    expected = [
        [does, *(f"`{tried.said_by(source, said)}`" for source in tried.SOURCES)] for does, said in tried.CASES.values()
    ]

    assert rows == expected
    count = len(tried.CASES) * len(tried.SOURCES)
    assert f"sources that speak HTTP: {count} questions" in (DOCS / "reliability.md").read_text("utf-8")


def test_every_promise_of_the_ledger_has_its_test():
    """As above, for what is done to a ledger."""
    rows = tables_of(DOCS / "reliability.md", "ledger")
    for ledger, done, said, proof in rows:
        path, _, name = proof.strip("`").partition("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert re.search(rf"^ *def {name}\(", text, flags=re.MULTILINE), f"{ledger}, {done}: there is no {proof}"
        for words in re.findall(r"`([^`]+)`", said):
            assert words in text, f"{ledger}, {done}: {path} does not say '{words}'"

    assert len(rows) >= 24


def test_every_forgery_has_its_test():
    """As above; those that anybody would think of first are all there."""
    rows = tables_of(DOCS / "reliability.md", "forgery")
    for forgery, said, proof in rows:
        path, _, name = proof.strip("`").partition("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert re.search(rf"^ *def {name}\(", text, flags=re.MULTILINE), f"{forgery}: there is no {proof}"
        for words in re.findall(r"`([^`]+)`", said):
            assert words in text.lower() or words in text, f"{forgery}: {path} does not say '{words}'"

    told = " ".join(forgery for forgery, *_ in rows)
    wanted = (
        "altered verdict, another phase, another environment, replayed, expired, revoked, namespace, nobody knows, "
        "not hold the role, author, one person twice, listed for another person, edited row, removed row, "
        "reordered rows, nobody has signed"
    )
    assert [words for words in wanted.split(", ") if words not in told] == []


def test_every_option_is_explained(pytestparser):
    """`--rollout-*` options of the plugin stand in the plan page, and no others stand anywhere."""
    plugin.pytest_addoption(pytestparser)
    options = {name for group in pytestparser._groups for option in group.options for name in option.names()}
    text = "\n".join(page.read_text("utf-8") for page in pages())

    assert set(re.findall(r"--rollout-[a-z]+", text)) == options


@pytest.fixture
def pytestparser():
    """A parser of pytest's own, empty."""
    from _pytest.config.argparsing import Parser

    return Parser(_ispytest=True)


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a … c", "a b c", True),
        ("a\n  b", "a b", True),
        ("==== x ====", "======= x ===", True),
        ("a ... c", "a b d", False),
        ("a", "a b", False),
        ("(x)", "(x)", True),
    ],
)
def test_matching_ignores_widths_and_nothing_else(expected, printed, same):
    """The one place where a page and the screen may differ is where the page says so."""
    assert matches(expected, printed) is same
