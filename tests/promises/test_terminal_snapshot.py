"""The terminal's verdict as it was reviewed: what stands there at two in the morning."""

import re

import pytest

CASES = {
    "proceed": {},
    "hold": {"errors": 3},
    "rollback": {"latency": 81, "orders": 3},
    "text-is-text": {"errors": 3},
}
NASTY = '"<script> | `x` \\x1b[31mred \\u202e ::error::boom ##[error]boom\\n::error file=x::no"'


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_on_the_terminal(project, snapshot, case):
    project.answers(**CASES[case])
    if case == "text-is-text":
        project.gate(f"def test_x(metrics):\n    assert metrics('errors') >= 0\n    raise OSError({NASTY})\n")

    result = project.run("--no-header", "--tb=no")

    shown = result.stdout.lines[result.stdout.lines.index(next(x for x in result.stdout.lines if " ROLLOUT " in x)) :]
    text = re.sub(r"\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d|in \d+\.\d+s", "…", "\n".join(shown))
    text = re.sub(r"=+", "=", text)
    assert text == snapshot
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in shown)
    assert not re.search(r"[\x1b\u202e]", text)
