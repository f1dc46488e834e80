"""The recipes of docs/ci: each is read as its system reads it, and its shell parts are really run.

A runner below is a small model of one CI system: which jobs start, which
files reach them, and with which shell flags their scripts run. The scripts
themselves run in bash or sh, with the real `rollout verify`, and in four
situations with the real pytest. Where a situation cannot be made by the
product, a stand-in for `pytest` leaves a receipt (or none) and an exit code:
above all for code 10, which nothing gives before the ledger is there. Its
receipt is a real one that was changed to say so, and `rollout verify` reads it.

What the models cannot show is whether a system does what its manual says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from blocks import ROOT
from support.others import WITHOUT

CI = ROOT / "docs" / "ci"
PLAN = """
rollout: shop
metrics:
  latency: {unit: ms, better: lower, source: telemetry, query: latency}
  errors: {unit: 1/h, better: lower, source: telemetry, query: errors}
budgets:
  latency: {phases: [phase3], warning: 40 ms, critical: 60 ms}
phases:
  phase3: {title: A quarter of the visitors}
environments:
  production:
    sources: {telemetry: {kind: memory, answers: answers.yaml}}
"""
GATE = """
import os

import pytest

pytestmark = pytest.mark.phase3


def test_no_errors(metrics):
    assert metrics("errors") == 0
"""
LEAVES = GATE.replace('    assert metrics("errors") == 0', "    os._exit(0)")
_WITHOUT = " ".join([*WITHOUT, "-p no:xdist"])
REAL_PYTEST = f'exec "{sys.executable}" -m pytest {_WITHOUT} "$@"'
_LEAVE = """
for word in "$@"; do [ "${last:-}" = --rollout-out ] && out=$word; last=$word; done
mkdir -p "$out"
cp "$MADE_RECEIPTS/%s.json" "$out/verdict.json"
exit %d
"""


@dataclass(frozen=True)
class Situation:
    """What happens in the judging step, and what a recipe must do then: `deploy`, `rollback`, `wait` or `ask`."""

    name: str
    then: str
    pytest: str = REAL_PYTEST
    latency: int = 25
    gate: str = GATE
    left_behind: bool = False


def left(receipt: str, code: int) -> str:
    """A stand-in for pytest that leaves this receipt and this exit code."""
    return _LEAVE % (receipt, code)


NOTHING_JUDGED = "nothing is judged with code 0, an older PROCEED lies there"
KILLED = "killed after a PROCEED was written"
WAITING = "healthy, but not yet"
SITUATIONS = (
    Situation("proceed", "deploy"),
    Situation("hold", "ask", latency=45),
    Situation("rollback", "rollback", latency=65),
    Situation("a gate ends the interpreter with 0", "ask", gate=LEAVES),
    Situation("pytest never starts, an older PROCEED lies there", "ask", "exit 127", left_behind=True),
    Situation(NOTHING_JUDGED, "ask", "exit 0", left_behind=True),
    Situation("a receipt of 20 minutes ago", "ask", left("old", 0)),
    Situation("a receipt of another environment", "ask", left("staging", 0)),
    Situation("the code of a HOLD is lost", "ask", left("hold", 0)),
    Situation("the code of a ROLLBACK is lost", "rollback", left("rollback", 0)),
    Situation("code 20 without a receipt", "ask", "exit 20"),
    Situation(KILLED, "ask", left("proceed", 137)),
    Situation(WAITING, "wait", left("wait", 10)),
    Situation("code 10 without a receipt", "ask", "exit 10"),
)


def situation(name: str) -> Situation:
    """The situation of this name."""
    return next(each for each in SITUATIONS if each.name == name)


@dataclass
class Outcome:
    """What a recipe did (`deploy`, `rollback`) and whether a person sees red."""

    did: list[str]
    red: bool
    log: str = ""

    @property
    def then(self) -> str:
        """The same in a word, as situations say it."""
        assert len(self.did) <= 1, self.did
        if self.did == ["deploy"]:
            return "deploy" if not self.red else "a deploy that looks failed"
        if self.did == ["rollback"]:
            return "rollback" if self.red else "a rollback that looks fine"
        return "ask" if self.red else "wait"


@dataclass
class Site:
    """A repository that uses a recipe, and machines to run its jobs on."""

    folder: Path
    situation: Situation
    receipts: Path
    machines: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(self.receipts / "repository", self.folder / "repository")
        self.tool("pytest", self.situation.pytest)
        self.tool("rollout", f'exec "{Path(sys.executable).parent / "rollout"}" "$@"')
        self.tool("sleep", 'echo "sleep $1" >> "$DID"')
        self.tool("allure", "exit 1")
        self.tool(
            "python",
            'if [ "$2" = pip ]; then echo "installed: $*"; exit 0; fi\n'
            f'if [ "$2" = venv ]; then mkdir -p "$3/bin"; ln -sf "{self.tools}"/* "$3/bin"; exit 0; fi\n'
            f'exec "{sys.executable}" "$@"',
        )
        gates = self.folder / "repository" / "gates" / "shop"
        (gates / "test_phase3.py").write_text(self.situation.gate, encoding="utf-8")
        (gates / "answers.yaml").write_text(f"{{latency: {self.situation.latency}, errors: 0}}\n", encoding="utf-8")

    @property
    def tools(self) -> Path:
        """The folder of the commands that jobs find."""
        return self.folder / "tools"

    def tool(self, name: str, body: str) -> None:
        """Make a command for every job."""
        self.tools.mkdir(exist_ok=True)
        script(self.tools / name, body)

    def machine(self) -> Path:
        """A fresh checkout of the repository."""
        self.machines += 1
        workspace = self.folder / f"machine{self.machines}"
        shutil.copytree(self.folder / "repository", workspace)
        return workspace

    def leave_behind(self, *places: Path) -> None:
        """Put a fresh PROCEED of another run where a careless recipe would take it for its own."""
        if self.situation.left_behind:
            for place in places:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.receipts / "proceed.json", place / "verdict.json")
                (place / "exit-code.txt").write_text("0\n", encoding="utf-8")

    def sh(self, workspace: Path, shell: tuple[str, ...], text: str, env: Mapping[str, str]) -> int:
        """Run a script as a job on this machine; its exit code."""
        path = f"{self.tools}{os.pathsep}{os.environ['PATH']}"
        mine = {"DID": str(self.folder / "did"), "MADE_RECEIPTS": str(self.receipts)}
        # A machine on which somebody set PYTEST_ADDOPTS for other tests: nothing would be run.
        around = {"PATH": path, "HOME": str(self.folder), "CI": "true", "PYTEST_ADDOPTS": "--collect-only"}
        done = subprocess.run(
            [*shell, "-c", text],
            cwd=workspace,
            env={**around, **mine, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.log.append(f"$ {text}\n{done.stdout}[{done.returncode}]")
        return done.returncode

    def outcome(self, *, red: bool) -> Outcome:
        """What was done until now."""
        return Outcome([word for word in self.did() if not word.startswith("sleep")], red, "\n".join(self.log))

    def did(self) -> list[str]:
        """Every line that the commands left."""
        file = self.folder / "did"
        return file.read_text("utf-8").splitlines() if file.exists() else []


def script(path: Path, body: str) -> None:
    """Write a command."""
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


# --- judge.sh ---------------------------------------------------------------------------------------------------------


def run_judge_sh(text: str, site: Site) -> Outcome:
    """The script, and what its first lines tell a caller to do with its exit code."""
    workspace = site.machine()
    (workspace / "judge.sh").write_text(text, encoding="utf-8")
    site.leave_behind(workspace / ".rollout")
    code = site.sh(workspace, ("sh",), "sh judge.sh gates/shop phase3 production -q", {})
    do = {0: "./deploy.sh", 20: "./rollback.sh"}
    if code in do:
        site.sh(workspace, ("sh",), do[code], {})
    return site.outcome(red=code not in {0, 10})


# --- GitHub Actions ---------------------------------------------------------------------------------------------------


@dataclass
class GitHub:
    """GitHub Actions: a machine a job, `needs`, `if`, outputs and artifacts."""

    workflow: dict
    site: Site
    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    attempt: int = 1

    def run(self) -> Outcome:
        """Every job, in the order of the file."""
        for name in self.workflow["jobs"]:
            self.job(name)
        return self.site.outcome(red="failure" in self.results.values())

    def job(self, name: str) -> None:
        """One job, unless its condition skips it."""
        job = self.workflow["jobs"][name]
        ancestors = [self.results[each] for each in self._ancestors(name)]
        if not self._holds(job.get("if", ""), failed=any(each != "success" for each in ancestors), needs=needs_of(job)):
            self.results[name] = "skipped"
            return
        workspace, failed = self.site.machine(), False
        steps: dict[str, dict[str, str]] = defaultdict(dict)
        env = {key: self._filled(value) for key, value in self.workflow["env"].items()}
        if name == "judge":
            self.site.leave_behind(workspace / ".rollout", workspace / env["RECEIPTS"])
        for step in job["steps"]:
            if self._holds(step.get("if", ""), failed=failed, needs=needs_of(job)):
                failed = not self._step(step, workspace, env, steps) or failed
        self.outputs[name] = {
            key: re.sub(
                r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", lambda it: steps.get(it[1], {}).get(it[2], ""), value
            )
            for key, value in job.get("outputs", {}).items()
        }
        self.results[name] = "failure" if failed else "success"

    def _ancestors(self, name: str) -> Iterator[str]:
        for each in needs_of(self.workflow["jobs"][name]):
            yield each
            yield from self._ancestors(each)

    def _holds(self, condition: str, *, failed: bool, needs: list[str]) -> bool:
        """An `if`: one that names no status asks for success of all that went before, not of its needs alone."""
        text = condition.removeprefix("${{").removesuffix("}}").strip()
        if not re.search(r"\b(success|failure|cancelled|always)\(\)", text):
            text = f"success() && ({text})" if text else "success()"
        for each in re.findall(r"needs\.(\w+)", text):
            assert each in needs, f"{each} is read and not needed"
        text = re.sub(r"needs\.(\w+)\.result", lambda it: repr(self.results[it[1]]), text)
        text = re.sub(
            r"needs\.(\w+)\.outputs\.(\w+)", lambda it: repr(self.outputs.get(it[1], {}).get(it[2], "")), text
        )
        text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))
        states = {"success": not failed, "failure": failed, "cancelled": False, "always": True}
        names = {name: (lambda value=value: value) for name, value in states.items()}
        return bool(eval(text.strip(), {"__builtins__": {}}, names))

    def _filled(self, text: object) -> str:
        known = {"github.run_id": "77", "github.run_attempt": str(self.attempt), "secrets.TELEMETRY_TOKEN": "secret"}
        known |= {"vars.TELEMETRY_URL": "https://telemetry.example.com"}

        def value(match: re.Match[str]) -> str:
            word = match[1].strip()
            if found := re.fullmatch(r"needs\.(\w+)\.outputs\.(\w+)", word):
                return self.outputs.get(found[1], {}).get(found[2], "")
            if word.startswith("env."):
                return self._filled(self.workflow["env"][word.removeprefix("env.")])
            return known[word]

        return re.sub(r"\$\{\{(.+?)\}\}", value, str(text))

    def _step(self, step: dict, workspace: Path, env: dict[str, str], steps: dict[str, dict[str, str]]) -> bool:
        if "run" not in step:
            return self._action(step["uses"].partition("@")[0], step.get("with", {}), workspace)
        out = workspace.parent / f"{workspace.name}.output"
        out.write_text("", encoding="utf-8")
        own = {key: self._filled(value) for key, value in step.get("env", {}).items()}
        named = self.workflow.get("defaults", {}).get("run", {}).get("shell") == "bash"
        shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail") if named else ("bash", "-e")
        code = self.site.sh(workspace, shell, step["run"], {**env, **own, "GITHUB_OUTPUT": str(out)})
        pairs = (line.partition("=") for line in out.read_text("utf-8").splitlines())
        steps[step.get("id", "")] = {key: value for key, _, value in pairs}
        return code == 0

    def _action(self, action: str, options: dict, workspace: Path) -> bool:
        if action == "actions/upload-artifact":
            name, path = self._filled(options["name"]), Path(self._filled(options["path"]))
            hidden = any(part.startswith(".") for part in path.parts)
            if (workspace / path).exists() and (not hidden or options.get("include-hidden-files")):
                self.artifacts[name] = workspace / path
            return True
        if action == "actions/download-artifact":
            name, path = self._filled(options["name"]), workspace / self._filled(options["path"])
            if name in self.artifacts:
                path.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.artifacts[name], path)
            return name in self.artifacts
        assert action in {"actions/checkout", "actions/setup-python"}, action
        return True


def needs_of(job: dict) -> list[str]:
    """The names of the jobs that a job needs, in GitHub's and GitLab's ways of writing them."""
    needs = job.get("needs", [])
    return [each if isinstance(each, str) else each["job"] for each in ([needs] if isinstance(needs, str) else needs)]


def run_github(text: str, site: Site) -> Outcome:
    """A run of the workflow."""
    return GitHub(yaml.safe_load(text), site).run()


# --- GitLab -----------------------------------------------------------------------------------------------------------

_GITLAB_WORDS = {"stages", "variables", "workflow", "default"}


@dataclass
class GitLab:
    """GitLab: stages, `needs`, `when`, allowed failures, artifacts, and a pipeline that a job has picked."""

    pipeline: dict
    site: Site
    variables: dict[str, str]
    parent: GitLab | None = None
    results: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, dict[Path, bytes]] = field(default_factory=dict)
    child: GitLab | None = None

    def run(self) -> Outcome:
        """Every job, in the order of the file."""
        for name, job in self.pipeline.items():
            if name not in _GITLAB_WORDS and not name.startswith("."):
                self.results[name] = self._job(name, job)
        return self.site.outcome(red="failed" in self.results.values())

    def _job(self, name: str, job: dict) -> str:
        mine = [each for each in job.get("needs", []) if isinstance(each, str) or "pipeline" not in each]
        fine = all(self.results[each] in {"success", "allowed"} for each in needs_of({"needs": mine}))
        if not fine and job.get("when") != "always":
            return "skipped"
        return self._trigger(job) if "trigger" in job else self._script(name, job)

    def _script(self, name: str, job: dict) -> str:
        workspace = self.site.machine()
        env = {**self.variables, **job.get("variables", {})}
        self.site.leave_behind(workspace / ".rollout", workspace / ".rollout" / "41")
        if name == "judge":
            self.site.leave_behind(workspace / ".rollout" / "77")
        for need in job.get("needs", []):
            other, job_needed = self, needs_of({"needs": [need]})[0]
            if isinstance(need, dict) and "pipeline" in need:
                assert self.parent
                assert self._filled(need["pipeline"]) == self.parent.variables["CI_PIPELINE_ID"]
                other = self.parent
                if other.results[job_needed] != "success":  # artifacts of a failed job do not reach another pipeline
                    return "failed"
            for path, content in other.artifacts.get(job_needed, {}).items():
                (workspace / path).parent.mkdir(parents=True, exist_ok=True)
                (workspace / path).write_bytes(content)
        lines = [*job.get("before_script", []), *job["script"]]
        code = self.site.sh(workspace, ("bash", "-eo", "pipefail"), "\n".join(lines), env)
        allowed = job.get("allow_failure") or {}
        result = "success" if code == 0 else "failed"
        if code and (allowed is True or code in (allowed or {}).get("exit_codes", [])):
            result = "allowed"
        wanted = job.get("artifacts", {})
        if code == 0 or wanted.get("when") == "always":
            self.artifacts[name] = dict(self._kept(workspace, wanted.get("paths", [])))
        return result

    def _kept(self, workspace: Path, paths: list[str]) -> Iterator[tuple[Path, bytes]]:
        for name in paths:
            path = workspace / self._filled(name)
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    yield file.relative_to(workspace), file.read_bytes()

    def _trigger(self, job: dict) -> str:
        include = job["trigger"]["include"][0]
        text = self.artifacts[include["job"]][Path(include["artifact"])].decode()
        own = {key: self._filled(value) for key, value in job["variables"].items()}
        child = {**self.variables, **own, "CI_PIPELINE_ID": "78"}
        self.child = GitLab(yaml.safe_load(text), self.site, child, parent=self)
        return "failed" if self.child.run().red else "success"

    def _filled(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda it: self.variables[it[1]], text)


def gitlab(text: str, site: Site) -> GitLab:
    """A pipeline, with the three files that it picks from."""
    (site.folder / "repository" / "ci").mkdir(exist_ok=True)
    for path in (CI / "gitlab").iterdir():
        shutil.copy(path, site.folder / "repository" / "ci")
    document = yaml.safe_load(text)
    return GitLab(document, site, {**document["variables"], "CI_PIPELINE_ID": "77"})


def run_gitlab(text: str, site: Site) -> Outcome:
    """A run of the pipeline and of the one that it starts."""
    return gitlab(text, site).run()


# --- Jenkins ----------------------------------------------------------------------------------------------------------

_STEP = re.compile(
    r"(?:(?P<into>\w+) = )?sh\((?:returnStatus: true, script: )'''(?P<status>.*?)'''\)"
    r"|\bsh '''(?P<long>.*?)'''|\bsh '(?P<short>[^'\n]*)'"
    r"|\b(?P<error>error) '|currentBuild\.result = '(?P<result>\w+)'"
    r"|withEnv\(\[\"(?P<name>\w+)=\$\{(?P<value>\w+)\}\"\]\)",
    flags=re.DOTALL,
)


@dataclass
class Jenkins:
    """Jenkins: one workspace that outlives builds, stages with `when`, and `sh -xe`."""

    text: str
    site: Site

    def run(self, *, start: str = "") -> Outcome:
        """Every stage, or those from `start` on, as a person may restart a build."""
        known: dict[str, int] = {
            name: int(value) for name, value in re.findall(r"^def (\w+) = (\d+)", self.text, re.MULTILINE)
        }
        workspace = self.site.machine()
        top = self.text[: self.text.index("stages {")]
        env = {
            name: value.replace("${BUILD_NUMBER}", "77") for name, value in re.findall(r"(\w+) = ['\"](.*)['\"]", top)
        }
        self.site.leave_behind(workspace / ".rollout", workspace / ".rollout" / "76", workspace / env["RECEIPTS"])
        result, started = "SUCCESS", not start
        for name, body in self.stages():
            started = started or name == start
            when = re.search(r"when \{ expression \{ (.+) \} \}", body)
            if started and (not when or self._holds(when[1], known)):
                result = self._steps(body, workspace, dict(env), known) or result
                if result == "FAILURE":
                    break
        return self.site.outcome(red=result == "FAILURE")

    def stages(self) -> list[tuple[str, str]]:
        """The stages by name, in order."""
        body = self.text[: self.text.index("post {")]
        parts = re.split(r"stage\('([^']+)'\) \{", body)
        return list(zip(parts[1::2], parts[2::2], strict=True))

    @staticmethod
    def _holds(expression: str, known: dict[str, int]) -> bool:
        return bool(eval(re.sub(r"^!", "not ", expression), {"__builtins__": {}}, dict(known)))

    def _steps(self, body: str, workspace: Path, env: dict[str, str], known: dict[str, int]) -> str:
        result = ""
        for step in _STEP.finditer(body):
            if step["name"]:
                env[step["name"]] = str(known[step["value"]])
            elif step["result"]:
                result = step["result"]
            elif step["error"]:
                return "FAILURE"
            else:
                # Groovy joins lines that end with a backslash; nothing else is changed between ''' and '''.
                text = (step["status"] or step["long"] or step["short"]).replace("\\\n", "")
                code = self.site.sh(workspace, ("sh", "-xe"), text, env)
                if step["into"]:
                    known[step["into"]] = code
                elif code:
                    return "FAILURE"
        return result


def run_jenkins(text: str, site: Site) -> Outcome:
    """A build."""
    return Jenkins(text, site).run()


# --- Argo Rollouts ----------------------------------------------------------------------------------------------------


def run_argo(text: str, site: Site) -> Outcome:
    """The Job of the metric: complete goes on, failed aborts, and until then the canary stays as it is.

    A Job that fails only after its container has held is `ask`: a person had that long. What follows is an abort
    all the same, and docs/ci/index.md says so.
    """
    template = next(yaml.safe_load_all(text))
    spec = template["spec"]["metrics"][0]["provider"]["job"]["spec"]
    pod, volume = spec["template"]["spec"], site.folder / "volume"
    volume.mkdir()
    rules = spec["podFailurePolicy"]["rules"]
    for container in (*pod["initContainers"], *pod["containers"]):
        env = {each["name"]: each.get("value", "secret") for each in container["env"]}
        env |= {"PHASE": "phase3", "ENVIRONMENT": "production", "RECEIPTS": str(volume)}
        workspace = site.machine()
        site.leave_behind(workspace / ".rollout")
        code = site.sh(workspace, tuple(container["command"][:-1]), container["args"][0], env)
        if code:
            break
    action = "Complete" if code == 0 else _action_of(rules, container["name"], code)
    if action == "Ignore":
        return site.outcome(red=False)
    held = f"sleep {env.get('HOLD_FOR')}" in site.did()
    if action == "Complete" or not held:
        site.sh(workspace, ("sh",), "./deploy.sh" if action == "Complete" else "./rollback.sh", {})
    return site.outcome(red=action != "Complete")


def _action_of(rules: list[dict], container: str, code: int) -> str:
    """The first rule that is about this end of this container; without one the pod is counted."""
    for rule in rules:
        about = rule.get("onExitCodes")
        if about and about["containerName"] == container and (code in about["values"]) == (about["operator"] == "In"):
            return rule["action"]
    return "Count"


# --- What every recipe does -------------------------------------------------------------------------------------------

RECIPES: dict[str, Callable[[str, Site], Outcome]] = {
    "judge.sh": run_judge_sh,
    "github-actions.yml": run_github,
    "gitlab-ci.yml": run_gitlab,
    "Jenkinsfile": run_jenkins,
    "argo-rollouts.yaml": run_argo,
}


def text_of(recipe: str) -> str:
    """A recipe as a user copies it."""
    return (CI / recipe).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def receipts(tmp_path_factory) -> Path:
    """A repository with locked gates, and receipts of real runs with what was made of them."""
    folder = tmp_path_factory.mktemp("receipts")
    repository = folder / "repository"
    gates = repository / "gates" / "shop"
    gates.mkdir(parents=True)
    (repository / "pytest.ini").write_text("[pytest]\nrequired_plugins = pytest-rollout\n", encoding="utf-8")
    (repository / "gates" / "requirements.txt").write_text("pytest-rollout\n", encoding="utf-8")
    (gates / "rollout.yaml").write_text(PLAN, encoding="utf-8")
    (gates / "test_phase3.py").write_text(GATE, encoding="utf-8")
    for name in ("deploy", "rollback"):
        script(
            repository / f"{name}.sh",
            f'[ "${{1-phase3}} ${{2-production}}" = "phase3 production" ] && echo {name} >> "$DID"',
        )
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    (gates / "answers.yaml").write_text("{latency: 25, errors: 0}\n", encoding="utf-8")
    lock = [str(Path(sys.executable).parent / "rollout"), "lock", "gates"]
    subprocess.run(lock, cwd=repository, env=clean, check=True, capture_output=True)
    for name, latency, code in (("proceed", 25, 0), ("hold", 45, 1), ("rollback", 65, 20)):
        (gates / "answers.yaml").write_text(f"{{latency: {latency}, errors: 0}}\n", encoding="utf-8")
        words = ["gates/shop", "-m", "phase3", "--rollout-env", "production", "--rollout-out", str(folder / name)]
        run = ["sh", "-c", REAL_PYTEST, "pytest", *words]
        assert subprocess.run(run, cwd=repository, env=clean, check=False, capture_output=True).returncode == code
        shutil.copy(folder / name / "verdict.json", folder / f"{name}.json")
    _make(folder, "old", lambda it: it.update(evaluated_at=_earlier(it["evaluated_at"])))
    _make(folder, "staging", lambda it: it.update(environment="staging"))
    _make(folder, "wait", _waiting)
    return folder


def _make(folder: Path, name: str, change: Callable[[dict], object]) -> None:
    document = json.loads((folder / "proceed.json").read_text("utf-8"))
    change(document)
    (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")


def _earlier(at: str) -> str:
    return (datetime.fromisoformat(at) - timedelta(minutes=20)).isoformat()


def _waiting(document: dict) -> None:
    because = {"code": "hold-time", "sentence": "5 of 48 hours", "gate": None}
    document.update(decision="HOLD", exit_code=10)
    document["verdicts"][0].update(decision="HOLD", reasons=[because])


@pytest.fixture
def site(tmp_path, receipts):
    """Make a site in which a situation comes up."""
    return lambda name: Site(tmp_path, situation(name), receipts)


@pytest.fixture
def quick_site(tmp_path, receipts):
    """The same without a real run: what pytest would leave for a verdict is put there."""
    quick = {"proceed": left("proceed", 0), "hold": left("hold", 1), "rollback": left("rollback", 20)}
    return lambda name: Site(
        tmp_path, replace(situation(name), pytest=quick.get(name, situation(name).pytest)), receipts
    )


@pytest.mark.parametrize("name", [each.name for each in SITUATIONS])
@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_done(recipe, name, site):
    """Deploy is reached by an earned PROCEED alone, rollback by a ROLLBACK alone, and doubt is red."""
    outcome = RECIPES[recipe](text_of(recipe), site(name))

    assert outcome.then == situation(name).then, outcome.log


@pytest.mark.parametrize(
    ("recipe", "line", "instead", "name"),
    [
        pytest.param("judge.sh", 'rm -f "$out/verdict.json"', ":", NOTHING_JUDGED, id="sh-removes"),
        pytest.param("judge.sh", "0:0) ", "0:*) ", KILLED, id="sh-both"),
        pytest.param("github-actions.yml", "include-hidden-files: true", "overwrite: true", "proceed", id="hub-hidden"),
        pytest.param("github-actions.yml", "${{ always() }}", "${{ success() }}", "rollback", id="hub-upload"),
        pytest.param("github-actions.yml", "if: ${{ !cancelled() }}", "if: success()", "rollback", id="hub-verify"),
        pytest.param("github-actions.yml", "{{ !cancelled() && needs", "{{ needs", "rollback", id="hub-ancestors"),
        pytest.param("gitlab-ci.yml", "exit_codes: [10]", "exit_codes: [11]", WAITING, id="lab-allowed"),
        pytest.param("gitlab-ci.yml", "    when: always\n", "", "rollback", id="lab-artifacts"),
        pytest.param("gitlab-ci.yml", "  when: always  #", "  #", "rollback", id="lab-verify"),
        pytest.param("gitlab-ci.yml", "0:0) ", "0:*) ", KILLED, id="lab-both"),
        pytest.param("gitlab-ci.yml", 'rm -f ".rollout/$CI_PIPELINE_ID"/*', "echo", NOTHING_JUDGED, id="lab-removes"),
        pytest.param("Jenkinsfile", "0:0) ", "0:*) ", KILLED, id="jenkins-both"),
        pytest.param("Jenkinsfile", 'rm -f "$RECEIPTS/verdict.json"', "true", NOTHING_JUDGED, id="jenkins-removes"),
        pytest.param("Jenkinsfile", "!(verdict in [0, 10, 20])", "verdict == 2", "hold", id="jenkins-ask"),
        pytest.param("argo-rollouts.yaml", 'sleep "$HOLD_FOR"', ":", "hold", id="argo-holds"),
        pytest.param("argo-rollouts.yaml", "values: [10]}", "values: [11]}", WAITING, id="argo-waits"),
    ],
)
def test_no_line_is_there_for_nothing(recipe, line, instead, name, quick_site):
    """Without the line the recipe does the wrong thing: what is tested above can fail."""
    text = text_of(recipe)
    assert line in text

    outcome = RECIPES[recipe](text.replace(line, instead), quick_site(name))

    assert outcome.then != situation(name).then


# --- Retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("receipt", "did"), [("proceed", ["deploy"]), ("old", []), ("hold", []), ("rollback", [])])
def test_a_github_deploy_reads_the_receipt_itself(receipt, did, quick_site, receipts, tmp_path):
    """Its approval may take hours, and it can be run again on another day."""
    github = GitHub(yaml.safe_load(text_of("github-actions.yml")), quick_site("proceed"))
    github.results = {"judge": "success", "verify": "success"}
    github.outputs = {"verify": {"decision": "PROCEED"}}
    (tmp_path / "verdict.json").write_bytes((receipts / f"{receipt}.json").read_bytes())
    github.artifacts["verdict-1"] = tmp_path / "verdict.json"

    github.job("deploy")

    assert github.site.did() == did


def test_a_github_deploy_of_another_attempt_finds_no_receipt(quick_site):
    """ "Re-run failed jobs" keeps what `verify` said the first time; the receipt of that time is not found."""
    github = GitHub(yaml.safe_load(text_of("github-actions.yml")), quick_site("proceed"))
    assert github.run().then == "deploy"

    github.attempt = 2
    github.job("deploy")

    assert github.results["deploy"] == "failure"
    assert github.site.did() == ["deploy"]


@pytest.mark.parametrize(("file", "job"), [("PROCEED", "deploy"), ("ROLLBACK", "rollback")])
@pytest.mark.parametrize("receipt", ["proceed", "old", "hold", "rollback"])
def test_a_gitlab_job_reads_the_receipt_itself(file, job, receipt, quick_site, receipts):
    """It can be run again on another day."""
    parent = gitlab(text_of("gitlab-ci.yml"), quick_site("proceed"))
    parent.results["verify"] = "success"
    parent.artifacts["verify"] = {Path(".rollout/77/verdict.json"): (receipts / f"{receipt}.json").read_bytes()}
    variables = {**parent.variables, "CI_PIPELINE_ID": "78", "JUDGED_BY": "77"}

    GitLab(yaml.safe_load(text_of(f"gitlab/{file}.yml")), parent.site, variables, parent=parent).run()

    assert parent.site.did() == ([job] if file.lower() == receipt else [])


@pytest.mark.parametrize("start", ["Deploy", "Roll back"])
def test_a_jenkins_build_that_restarts_later_does_nothing(start, quick_site):
    """A build restarted at a stage knows of no verdict."""
    jenkins = Jenkins(text_of("Jenkinsfile"), quick_site("proceed"))

    assert jenkins.run(start=start).then == "ask"


def test_a_report_does_not_change_the_code(quick_site):
    """`judge.sh` makes it in between; here it fails, and the verdict stands."""
    where = quick_site("rollback")
    (where.folder / "repository" / "allure-results").mkdir()

    outcome = run_judge_sh(text_of("judge.sh"), where)

    assert outcome.then == "rollback"
    assert "no Allure report; the verdict stands" in outcome.log


# --- How they are written ---------------------------------------------------------------------------------------------


def test_every_recipe_is_run_and_explained():
    """No file beside the page that nobody tries or that the page does not lead to."""
    page = (CI / "index.md").read_text("utf-8")
    files = {path.relative_to(CI).as_posix() for path in CI.rglob("*") if path.is_file()} - {"index.md"}

    assert {name for name in files if not name.startswith("gitlab/")} == set(RECIPES)
    assert {name for name in files if f"]({name})" not in page} == set()
    assert {name for name in RECIPES if name not in (ROOT / "docs" / "exit-code.md").read_text("utf-8")} == set()


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_pipe_and_nothing_that_forgives(recipe):
    """No pipe behind pytest or verify, no `|| true`, and no step that may fail."""
    lines = [line.strip() for line in text_of(recipe).splitlines() if not line.strip().startswith(("#", "//"))]

    for line in lines:
        piped = re.search(r"(?<!\|)\|(?!\|)", line) and re.search(r"\b(pytest|rollout verify)\b", line)
        assert not piped, line
        assert not re.search(r"\|\| *(true|:)\b|continue-on-error|allow_failure: true|catchError|allure run", line), (
            line
        )


@pytest.mark.parametrize("recipe", RECIPES)
def test_phase_environment_and_age_are_named_to_both(recipe):
    """What pytest is asked and what `verify` is asked are the same words."""
    text = text_of(recipe).lower().replace("\\\n", " ")
    asked = re.findall(r'pytest "\$gates" -m "\$phase" --rollout-env "\$environment" --rollout-out', text)
    verified = re.findall(
        r'rollout verify "[^"]+/verdict\.json"\s+--phase "\$phase" --env "\$environment" --max-age', text
    )

    assert len(asked) == 1
    assert len(verified) == text.count("rollout verify")


@pytest.mark.parametrize("file", ["github-actions.yml", "gitlab/PROCEED.yml", "gitlab/ROLLBACK.yml", "Jenkinsfile"])
def test_what_acts_is_told_what_was_judged(file):
    """`deploy.sh` of one phase does not follow from the PROCEED of another."""
    words = re.findall(r"\./(?:deploy|rollback)\.sh\b(.*)", text_of(file))

    assert set(words) == {' "$PHASE" "$ENVIRONMENT"'}


def test_github_is_careful():
    """One run at a time, a machine for `verify` alone, secrets for one step, and a deploy behind PROCEED."""
    workflow = yaml.safe_load(text_of("github-actions.yml"))
    jobs = workflow["jobs"]

    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "secrets." in json.dumps(job)] == ["judge"]
    assert needs_of(jobs["deploy"]) == needs_of(jobs["rollback"]) == ["verify"]
    assert "outputs.decision == 'PROCEED'" in jobs["deploy"]["if"]


def test_gitlab_is_careful():
    """Nothing that deploys stands in the first pipeline; a verdict is not retried; code 10 is allowed in one job."""
    pipeline = yaml.safe_load(text_of("gitlab-ci.yml"))
    jobs = {
        name: job for name, job in pipeline.items() if isinstance(job, dict) and ("script" in job or "trigger" in job)
    }

    assert set(jobs) == {"judge", "verify", "act"}
    assert not [
        line for job in jobs.values() for line in job.get("script", []) if re.search(r"\./(deploy|rollback)", line)
    ]
    assert [name for name, job in jobs.items() if "allow_failure" in job] == ["judge"]
    assert [(name, job["retry"]["when"]) for name, job in jobs.items() if "retry" in job] == [
        ("judge", ["runner_system_failure"])
    ]
    assert needs_of(jobs["act"]) == ["verify"]
    assert jobs["act"]["resource_group"]
    assert jobs["act"]["trigger"]["strategy"] == "depend"


def test_jenkins_is_careful():
    """One build at a time, the receipt kept whatever happens, and every verdict has exactly one stage."""
    text = text_of("Jenkinsfile")
    jenkins = Jenkins(text, site=None)
    guarded = [name for name, body in jenkins.stages() if "when {" in body]

    assert "disableConcurrentBuilds()" in text
    assert re.search(r"post \{\s+always \{\s+archiveArtifacts .*allowEmptyArchive: true", text)
    assert guarded == ["Deploy", "Wait", "Roll back", "Ask a person"]
    for verdict in (*range(-2, 25), 127, 137):
        open_stages = [
            name
            for name, body in jenkins.stages()
            if (when := re.search(r"when \{ expression \{ (.+) \} \}", body))
            and Jenkins._holds(when[1], {"verdict": verdict})
        ]
        assert open_stages == [{0: "Deploy", 10: "Wait", 20: "Roll back"}.get(verdict, "Ask a person")]


def test_argo_is_careful():
    """A verdict is asked for once, and the weight below the step is not reached before it has succeeded."""
    template, rollout = yaml.safe_load_all(text_of("argo-rollouts.yaml"))
    metric = template["spec"]["metrics"][0]
    spec = metric["provider"]["job"]["spec"]
    pod = spec["template"]["spec"]
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    holds = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}

    assert (spec["backoffLimit"], metric["failureLimit"], metric["consecutiveErrorLimit"]) == (0, 0, 0)
    assert pod["restartPolicy"] == "Never"
    assert int(holds["HOLD_FOR"]) < spec["activeDeadlineSeconds"]
    assert "emptyDir" in pod["volumes"][0]
    assert "analysis" not in rollout["spec"]["strategy"]["canary"]  # beside the steps it would hold nothing up
    assert next(index for index, step in enumerate(steps) if "analysis" in step) < steps.index({"setWeight": 100})
