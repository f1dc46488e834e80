"""What the deploy script sees: one exit code per verdict."""

import pytest


@pytest.mark.parametrize(
    ("changed", "exit_code", "line"),
    [
        pytest.param({}, 0, "VERDICT  PROCEED  shop phase1 * exit 0", id="healthy"),
        pytest.param({"latency": 45}, 1, "VERDICT  HOLD?warning?  shop phase1 * exit 1", id="warning"),
        pytest.param({"latency": 65}, 20, "VERDICT  ROLLBACK?critical?  shop phase1 * exit 20", id="critical"),
        pytest.param({"errors": 2}, 1, "VERDICT  HOLD?failed?  shop phase1 * exit 1", id="failed"),
        pytest.param({"orders": 50}, 20, "VERDICT  ROLLBACK?trigger?  shop phase1 * exit 20", id="trigger"),
        pytest.param({"orders": None}, 1, "VERDICT  HOLD?no-data?  shop phase1 * exit 1", id="empty"),
        pytest.param({"errors": "NaN"}, 1, "VERDICT  HOLD?no-data?  shop phase1 * exit 1", id="nan"),
        pytest.param({"latency": {"error": "down"}}, 1, "VERDICT  HOLD?no-data?  shop phase1 * exit 1", id="down"),
        pytest.param(
            {"latency": {"value": 1, "age": "2h"}}, 1, "VERDICT  HOLD?stale?  shop phase1 * exit 1", id="stale"
        ),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_exit_code_is_the_verdict(project, changed, exit_code, line, workers):
    """The exit code alone says whether to proceed, hold or roll back."""
    project.answers(**changed)

    result = project.run(*workers)

    assert result.ret == exit_code
    assert result.verdict["exit_code"] == exit_code
    result.stdout.fnmatch_lines([line])
