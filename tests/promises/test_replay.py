"""Evidence, replay and the past: the same claims again, offline, and never a go."""

import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_rollout.cli import main

BUNDLE = "evidence.zip"
FLAGS = 'def test_switch(flags):\n    """The switch is off."""\n    assert flags.off("checkout.on")\n'


def claims_of(result):
    return [gate["claims"] for verdict in result.verdict["verdicts"] for gate in verdict["gates"]]


@pytest.fixture
def recorded(project):
    """A project whose sources are gone after a healthy run, and the bundle of that run."""

    def recorded(**answers):
        project.answers(**answers)
        first = project.run()
        (project.folder / ".rollout" / BUNDLE).rename(project.folder / BUNDLE)
        (project.gates / "answers.yaml").unlink()
        return first

    return recorded


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize("changed", [{"latency": 65}, {"orders": None}, {"errors": "NaN"}, {"errors": 2}])
def test_a_replay_says_the_same(project, recorded, changed, workers):
    """Byte for byte the same claims, and the same exit code, with no source to ask."""
    first = recorded(**changed)

    again = project.run("--rollout-replay", BUNDLE, *workers)

    assert json.dumps(claims_of(again)) == json.dumps(claims_of(first))
    assert (again.ret, again.codes) == (first.ret, first.codes)
    assert again.verdict["mode"] == "replay"
    assert again.verdict["verdicts"][0]["evidence_digest"] == first.verdict["verdicts"][0]["evidence_digest"]
    again.stdout.fnmatch_lines(["VERDICT * REPLAY 20??-*"])


def test_a_replay_releases_nothing(project, recorded):
    """Yesterday's green is no go today, by exit code and by `verify`."""
    assert recorded().ret == 0

    again = project.run("--rollout-replay", BUNDLE)

    again.holds("stale")
    assert again.verdict["verdicts"][0]["decision"] == "PROCEED"
    again.stdout.fnmatch_lines(["*this is a replay of 20??-*", "*now"])
    assert main(["verify", str(project.folder / ".rollout" / "verdict.json"), "--phase", "phase1"]) == 1


def test_what_was_never_captured_is_a_mismatch(project, recorded):
    """A gate that is newer than the bundle has no answer in it."""
    recorded()
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("query: errors", "query: errors_of_all"))

    again = project.run("--rollout-replay", BUNDLE)

    assert "replay-mismatch" in again.codes
    again.stdout.fnmatch_lines(["*this was never asked in the recorded run*"])


def spoilt(path, change):
    """Rewrite one record of a bundle."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in files if b'"orders"' in files[name] and name != "manifest.json")
    files[name] = change(files[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in files.items():
            archive.writestr(each, content)


def test_an_edited_bundle_is_refused(project, recorded):
    recorded(orders=50)
    spoilt(project.folder / BUNDLE, lambda content: content.replace(b"50", b"500"))

    again = project.run("--rollout-replay", BUNDLE)

    assert again.ret == 4
    assert "is not what was recorded" in again.text
    again.is_calm()


@pytest.mark.parametrize("content", [b"", b"PK", b"nonsense" * 1000])
def test_what_is_no_bundle_is_refused(project, content):
    (project.folder / BUNDLE).write_bytes(content)

    again = project.run("--rollout-replay", BUNDLE)

    assert again.ret == 4
    again.is_calm()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--rollout-replay", "none.zip"), "there is no such file"),
        (("--rollout-at", "yesterday"), "is an instant with its offset"),
        (("--rollout-at", "2026-01-01T09:00"), "is an instant with its offset"),
        (("--rollout-at", "2126-01-01T09:00Z"), "is not past"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(project, words, text):
    result = project.run(*words)

    result.is_refused()
    assert text in result.text


@pytest.mark.parametrize("option", ["--rollout-at=2026-01-01T09:00Z", "--rollout-replay=evidence.zip"])
def test_neither_hides_in_the_surroundings(project, option):
    """Left in an ini file or in PYTEST_ADDOPTS, they would judge yesterday every day."""
    assert project.run(env={"PYTEST_ADDOPTS": option}).ret == 4

    project.write("pytest.ini", f"[pytest]\nstrict_markers = true\naddopts = {option}\n")
    result = project.run(lock=False)

    assert (result.ret, result.verdict) == (4, None)
    assert "said on the command line" in result.text


def test_the_past_releases_nothing(project):
    """Everything was good then; the receipt says when."""
    result = project.run("--rollout-at", "2026-01-01T09:00:00+01:00")

    result.holds("stale")
    assert (result.verdict["mode"], result.verdict["evaluated_at"]) == ("past", "2026-01-01T08:00:00+00:00")
    result.stdout.fnmatch_lines(["VERDICT * PAST 2026-01-01 08:00:00 UTC *"])


def test_a_rollback_in_the_past_is_shown_and_not_verified(project):
    project.answers(latency=65)

    assert project.run("--rollout-at", "2026-01-01T09:00Z").ret == 20
    assert main(["verify", str(project.folder / ".rollout" / "verdict.json")]) == 1


def test_flags_are_recorded_too(project, recorded):
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    flags = "    flags: {kind: memory, flags: {checkout.on: false}}\n    sources:"
    project.write("gates/shop/rollout.yaml", plan.replace("    sources:", flags))
    project.gate(FLAGS)
    first = recorded()

    again = project.run("--rollout-replay", BUNDLE)

    assert claims_of(again) == claims_of(first)


def test_a_service_below_a_path_is_replayed(project, recorded):
    """The address of a target may end in a path, and its exchanges are found again."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        plan = (project.gates / "rollout.yaml").read_text("utf-8")
        target = f"    target: http://127.0.0.1:{server.server_address[1]}/shop/v1\n    sources:"
        project.write("gates/shop/rollout.yaml", plan.replace("    sources:", target))
        project.gate(
            "def test_health(target):\n    assert check(target.get('/health').json()['ok'] is True, 'it is healthy')\n"
        )
        first = recorded()
        server.shutdown()
    assert first.ret == 0, first.text

    again = project.run("--rollout-replay", BUNDLE)

    again.holds("stale")
    assert claims_of(again) == claims_of(first)


class Healthy(BaseHTTPRequestHandler):
    """A service that lives below a path."""

    def do_GET(self):
        content = json.dumps({"ok": self.path == "/shop/v1/health"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
