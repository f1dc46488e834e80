"""Which plans a run concerns: below what is named, and upwards from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_rollout.discovery import find_plans, governing, misnamed_plans

SKIP = ["*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}"]


@pytest.fixture
def tree(tmp_path):
    """Make files below the root; and find plans, as paths from the root."""

    class Tree:
        root = tmp_path

        def add(self, *names):
            for name in names:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()

        def find(self, *arguments, start="", root=""):
            found = find_plans(arguments, start=tmp_path / start, root=tmp_path / root, skip=SKIP)
            return [path.relative_to(tmp_path).as_posix() for path in found]

    return Tree()


def test_plans_below_a_folder_are_found(tree):
    tree.add("gates/a/rollout.yaml", "gates/b/deep/er/rollout.yaml", "gates/c/test_c.py")

    assert tree.find("gates") == ["gates/a/rollout.yaml", "gates/b/deep/er/rollout.yaml"]
    assert tree.find(".") == tree.find("gates")
    assert tree.find(str(tree.root)) == tree.find("gates")


@pytest.mark.parametrize(
    "argument",
    [
        "gates/a/test_a.py",
        "gates/a/test_a.py::test_x",
        "gates/a/test_a.py::TestX::test_x[gates/b::c]",
        "gates/a/sub",
        "gates/a/sub/test_b.py::test_y",
        "gates/a/rollout.yaml",
        "gates/a/rollout.yaml::phase1::latency",
        "./gates/../gates/a/test_a.py",
    ],
)
def test_naming_one_gate_finds_the_plan_that_governs_it(tree, argument):
    tree.add("gates/a/rollout.yaml", "gates/a/test_a.py", "gates/a/sub/test_b.py", "gates/b/rollout.yaml")

    assert tree.find(argument) == ["gates/a/rollout.yaml"]


def test_the_nearest_plan_around_a_file_is_found(tree):
    tree.add("rollout.yaml", "gates/rollout.yaml", "gates/a/test_a.py")

    assert tree.find("gates/a/test_a.py") == ["gates/rollout.yaml"]


def test_a_misnamed_plan_around_a_file_is_not_passed_over(tree):
    tree.add("rollout.yaml", "gates/rollout.yml", "gates/a/test_a.py")

    assert tree.find("gates/a/test_a.py") == ["gates/rollout.yaml"]


def test_nothing_above_the_root_is_looked_at(tree):
    tree.add("rollout.yaml", "project/gates/test_a.py")

    assert tree.find("gates", start="project", root="project") == []


def test_arguments_start_where_pytest_was_started(tree):
    tree.add("gates/a/rollout.yaml", "gates/a/test_a.py")

    assert tree.find("a/test_a.py", start="gates") == ["gates/a/rollout.yaml"]
    assert tree.find("../gates", start="gates") == ["gates/a/rollout.yaml"]


@pytest.mark.parametrize("argument", ["nowhere", "package.module", "", "::", "gates/none.py::test_x"])
def test_what_is_not_there_finds_nothing_below(tree, argument):
    tree.add("elsewhere/rollout.yaml")
    found = tree.find(argument)

    assert found == (["elsewhere/rollout.yaml"] if argument in {"", "::"} else [])


@pytest.mark.parametrize("folder", [".hidden", "build", "node_modules", "x.egg", "venv", "__pycache__", "sub/dist"])
def test_folders_that_pytest_does_not_enter_are_left_alone(tree, folder):
    tree.add(f"{folder}/rollout.yaml", "gates/rollout.yaml")

    assert tree.find(".") == ["gates/rollout.yaml"]


def test_a_skipped_folder_that_is_named_is_entered(tree):
    """As pytest does."""
    tree.add("build/rollout.yaml")

    assert tree.find("build") == ["build/rollout.yaml"]


def test_virtual_environments_are_left_alone(tree):
    tree.add("env/pyvenv.cfg", "env/lib/rollout.yaml", "gates/rollout.yaml")

    assert tree.find(".") == ["gates/rollout.yaml"]


@pytest.mark.parametrize("name", ["rollout.yml", "rollouts.yaml"])
def test_a_misnamed_plan_is_not_passed_over(tree, name):
    """The plan that should be there is named, so that loading it fails loudly."""
    tree.add(f"gates/{name}")

    assert tree.find("gates") == ["gates/rollout.yaml"]
    assert misnamed_plans(tree.root / "gates") == [tree.root / "gates" / name]


def test_a_plan_well_named_has_no_misnamed_ones(tree):
    tree.add("gates/rollout.yaml", "gates/rollout.yaml.bak")

    assert misnamed_plans(tree.root / "gates") == []


def test_links_that_lead_back_up_end(tree):
    tree.add("gates/a/rollout.yaml")
    (tree.root / "gates" / "a" / "loop").symlink_to(tree.root / "gates", target_is_directory=True)

    assert len(tree.find("gates")) == 1


def test_linked_folders_are_entered(tree):
    tree.add("elsewhere/rollout.yaml", "gates/test_x.py")
    (tree.root / "gates" / "linked").symlink_to(tree.root / "elsewhere", target_is_directory=True)

    assert tree.find("gates") == ["gates/linked/rollout.yaml"]


def test_dead_links_are_no_folders(tree):
    tree.add("gates/rollout.yaml")
    (tree.root / "gates" / "dead").symlink_to(tree.root / "nowhere")

    assert tree.find("gates") == ["gates/rollout.yaml"]


def test_several_arguments_are_found_once_each(tree):
    tree.add("gates/a/rollout.yaml", "gates/a/test_a.py", "gates/b/rollout.yaml")

    assert tree.find("gates/a", "gates", "gates/a/test_a.py", "gates/b") == [
        "gates/a/rollout.yaml",
        "gates/b/rollout.yaml",
    ]
    assert tree.find("gates", "gates/a") == tree.find("gates")


@pytest.mark.parametrize(
    ("path", "plan"),
    [
        ("/g/a/test_a.py", "/g/a/rollout.yaml"),
        ("/g/a/sub/test_a.py", "/g/a/rollout.yaml"),
        ("/g/a", "/g/a/rollout.yaml"),
        ("/g/a/rollout.yaml", "/g/a/rollout.yaml"),
        ("/g/test_g.py", "/g/rollout.yaml"),
        ("/g/ab/test_a.py", "/g/rollout.yaml"),
        ("/other/test_a.py", None),
        ("/g/a/inner/test_a.py", "/g/a/inner/rollout.yaml"),
    ],
)
def test_the_nearest_plan_governs(path, plan):
    plans = [Path(each) for each in ("/g/rollout.yaml", "/g/a/rollout.yaml", "/g/a/inner/rollout.yaml")]

    assert governing(Path(path), plans) == (Path(plan) if plan else None)


def test_a_kubernetes_manifest_of_that_name_is_no_plan(tmp_path):
    """Argo Rollouts calls its resource a rollout, and such a file must not stop a project's tests."""
    manifest = tmp_path / "deploy" / "rollout.yaml"
    manifest.parent.mkdir()
    manifest.write_text("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\n")
    plan = tmp_path / "gates" / "rollout.yaml"
    plan.parent.mkdir()
    plan.write_text("rollout: shop\nkind: of a comment\n")

    assert find_plans([str(tmp_path)], start=tmp_path, root=tmp_path, skip=[]) == [plan]
    assert find_plans([str(manifest.parent)], start=tmp_path, root=tmp_path, skip=[]) == []


def test_a_link_to_itself_is_no_folder(tree):
    """Asking whether it is one raises; everything else is still found."""
    tree.add("gates/shop/rollout.yaml")
    (tree.root / "gates" / "current").symlink_to("current")

    assert tree.find("gates") == ["gates/shop/rollout.yaml"]
