"""Every view of a run says what verdict.json says, and shows text as text."""

import html as stdlib_html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_rollout.book import PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.receipt import Run, receipt
from pytest_rollout.record import (
    Beside,
    Earlier,
    GateFacts,
    PhaseFacts,
    RoleRecord,
    Signature,
    StatementRecord,
    read_record,
)
from pytest_rollout.reports import words
from pytest_rollout.reports.files import FORMATS
from pytest_rollout.reports.github import MOST, annotated
from pytest_rollout.reports.html import html
from pytest_rollout.reports.junit import claim_properties
from pytest_rollout.reports.markdown import markdown
from pytest_rollout.reports.messages import BUILT_IN, MessageError, render
from pytest_rollout.verdict import Because, RunVerdict, Traffic, Verdict

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
NO_TRAFFIC = Traffic()
NASTY = [
    "<script>alert(1)</script>",
    "a|b|c",
    "`code` ``more``",
    "\x1b[31mred\x1b[0m",
    "right\u202eleft\u2066mark",
    "one\ntwo\r\n::error::three",
    "::error file=x::boom",
    "##[error]boom",
    "@everyone see #12 and https://evil.example or www.evil.example :tada: GH-7",
    "x" * 10_000,
    "</style></title><img src=x onerror=alert(1)>",
    "**bold** _it_ [link](https://evil.example) ~~gone~~ $x$ &amp; <!-- hidden",
    "{{ 7 * 7 }}{% raw %}",
    "\"quoted\" 'single' \\ back",
    "# heading",
    "1. item",
    "- item",
    "</details>",
]


def claim(truth=Truth.PROVEN, **more):
    alpha = 0.0 if truth is Truth.REFUTED else 1.0
    facts = {"text": "p99 < 20", "truth": truth, "subject": "p99 = 12.5 ms", "value": 12.5, "limit": "< 20 ms"}
    return ClaimFacts(**facts | {"alpha": alpha, "unit": "ms", "source": "telemetry"} | more)


def gate(name="test_a", decision=Decision.PROCEED, reason="", claims=None, **more):
    planned = {key: more.pop(key) for key in ("title", "owner", "runbook", "severity") if key in more}
    path = more.pop("path", f"test_x.py::{name}")
    facts = PlannedGate(
        id=path, nodeid=path, rollout="shop", phases=("canary",), **{"title": f"{name} holds"} | planned
    )
    return GateVerdict(gate=facts, decision=decision, reason=reason, claims=claims or (claim(),), **more)


def phase(*gates, decision=None, reasons=None, traffic=NO_TRAFFIC):
    counting = [each for each in gates if each.counts]
    because = [
        Because(each.reason or "failed", each.sentence or "it failed", each.gate.id)
        for each in counting
        if each.decision is not Decision.PROCEED
    ]
    return Verdict(
        rollout="shop",
        phase="canary",
        decision=decision or Decision.worst(*(each.decision for each in counting)),
        reasons=tuple(because if reasons is None else reasons),
        gates=gates,
        plan_digest="0" * 64,
        evidence_digest="1" * 64,
        traffic=traffic,
    )


def document_of(*verdicts, reasons=(), **more):
    run = RunVerdict(verdicts=verdicts, reasons=tuple(reasons))
    facts = {"run_id": "r1", "mode": "live", "environment": "production", "embedded": False, "fault": ""}
    made = Run(
        **facts
        | {"evaluated_at": AT, "exit_code": int(run.exit_code), "verdict": run, "versions": {}, "git": None}
        | more
    )
    return json.loads(json.dumps(receipt(made)))


def record_of(document, facts=None, gates=None):
    phases = {(each["rollout"], each["phase"]): facts or PhaseFacts() for each in document["verdicts"]}
    return read_record(document, Beside(gates=gates or {}, phases=phases))


LOW_N = claim(
    Truth.INCONCLUSIVE,
    subject="P99 latency_ms, treatment - control = +8.1 ms",
    value=8.1,
    low=3.9,
    high=None,
    confidence=0.95,
    n=1270,
    why="too few rows",
    needs="≈ 2 100 more rows, ≈ 5 h at this traffic",
)
SIGNED = PhaseFacts(
    rollout_title="A new checkout",
    phase_title="Canary",
    owner="checkout-team",
    runbook="docs/runbook.md",
    links=(("dashboard", "https://grafana.example.org/d/shop?from=now-1h&to=now"), ("issue", 'https://x.org/">\n)<')),
    folder=Path("/repository/gates/shop"),
    roles=(
        RoleRecord(role="engineering", needed=1, signed=(Signature(principal="ada@example.org", signed_at=AT),)),
        RoleRecord(role="product", needed=2),
    ),
    statements=(StatementRecord(topic="survey", asked="neutral or better"),),
    earlier=(Earlier(at=datetime(2026, 11, 24, tzinfo=UTC), decision="HOLD", reasons=("streak",)),),
    started=datetime(2026, 11, 20, tzinfo=UTC),
    steps=((5.0, datetime(2026, 11, 20, tzinfo=UTC)),),
)
TRAFFIC = Traffic(stage="5 %", current=5.0, next=25.0)
CASES = {
    "proceed": (phase(gate(), gate("test_b"), traffic=TRAFFIC),),
    "hold": (
        phase(
            gate(),
            gate("test_low", Decision.HOLD, Reason.LOW_N, (LOW_N,), sentence="P99 is not known well enough"),
            traffic=TRAFFIC,
        ),
    ),
    "waits": (
        phase(
            gate(
                "approvals",
                Decision.HOLD,
                Reason.APPROVAL,
                (
                    claim(
                        Truth.INCONCLUSIVE, subject="signatures = 1", value=1, limit=">= 3", needs="rollout approve …"
                    ),
                ),
                sentence="awaited: product (2)",
            ),
            gate(),
            traffic=TRAFFIC,
        ),
    ),
    "rollback": (
        phase(
            gate(
                "test_latency",
                Decision.ROLLBACK,
                "critical",
                (
                    claim(
                        Truth.REFUTED,
                        subject="p99 = 81 ms",
                        value=81,
                        level="critical",
                        decision=Decision.ROLLBACK,
                        action="turn the flag off",
                        runbook="docs/runbook.md#slow",
                    ),
                ),
                sentence="p99 = 81 ms   limit < 20 ms",
                owner="search-platform",
            ),
            gate("test_shadow", Decision.HOLD, Reason.FAILED, counts=False),
            gate(),
            traffic=Traffic(stage="5 %", current=5.0, back=0.0),
        ),
    ),
}

# -- snapshots ---------------------------------------------------------------


@pytest.mark.parametrize("view", ["markdown", "html"])
@pytest.mark.parametrize("case", CASES)
def test_pages_look_as_reviewed(snapshot, case, view):
    assert FORMATS[view](record_of(document_of(*CASES[case]), SIGNED)) == snapshot


@pytest.mark.parametrize("case", CASES)
def test_annotations_look_as_reviewed(snapshot, case):
    assert list(annotated(record_of(document_of(*CASES[case]), SIGNED), Path("/repository"))) == snapshot


@pytest.mark.parametrize("name", BUILT_IN)
def test_messages_look_as_reviewed(snapshot, name):
    case = "rollback" if name == "incident" else "waits"

    assert render(record_of(document_of(*CASES[case]), SIGNED), name).text == snapshot


# -- agreement ---------------------------------------------------------------

TEXT = st.one_of(st.text(max_size=30), st.sampled_from([each for each in NASTY if len(each) < 100]))
NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.none()
CLAIMS = st.builds(
    ClaimFacts,
    text=TEXT,
    truth=st.sampled_from(Truth),
    subject=TEXT,
    value=NUMBER | st.booleans() | TEXT,
    low=NUMBER,
    high=NUMBER,
    confidence=st.sampled_from([0.95, 0.975, 1.0]),
    limit=TEXT,
    why=TEXT,
    needs=TEXT,
    action=TEXT,
    runbook=TEXT,
    query=TEXT,
    source=TEXT,
)
GATES = st.builds(
    lambda number, decision, reason, claims, counts, applies, title, sentence: gate(
        f"test_{number}",
        decision,
        "" if decision is Decision.PROCEED else reason,
        tuple(claims),
        counts=counts and applies,
        applies=applies,
        title=title,
        sentence=sentence,
    ),
    st.integers(0, 10_000),
    st.sampled_from(Decision),
    st.sampled_from([*Reason, "emergency"]),
    st.lists(CLAIMS, min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    TEXT,
    TEXT,
)
DOCUMENTS = st.builds(
    lambda phases, reasons, embedded: document_of(
        *(phase(*gates) for gates in phases), reasons=reasons, embedded=embedded
    ),
    st.lists(st.lists(GATES, max_size=3, unique_by=lambda each: each.gate.id), max_size=2),
    st.lists(st.builds(Because, st.sampled_from(list(map(str, Reason))), TEXT), max_size=2),
    st.booleans(),
)


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.parts = [], [], []
        self.feed(source)
        self.close()
        self.text = "".join(self.parts)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.parts.append(data)

    def handle_comment(self, data):
        self.parts.append("")


def rendered(page):
    """GitHub's Markdown as HTML, raw HTML let through as GitHub does."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(page)


def squeezed(text):
    return " ".join(text.split())


@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking takes minutes
@given(DOCUMENTS)
def test_every_view_agrees_with_the_receipt(document):
    """Decision, reasons, counts, each gate's decision, and values."""
    record = record_of(document)
    gates = [each for verdict in document["verdicts"] for each in verdict["gates"]]
    pages = {"markdown": Page(rendered(markdown(record))).text, "html": Page(html(record)).text}

    reasons = [*document["reasons"], *(each for verdict in document["verdicts"] for each in verdict["reasons"])]
    for page in map(squeezed, pages.values()):
        assert re.search(r"(PROCEED|HOLD|ROLLBACK)", page.partition("Why")[0].split("·")[0])[0] == document["decision"]
        assert f"exit {document['exit_code']}" in page
        assert ("Why (" in page) == bool(reasons)
        assert not reasons or f"Why ({len(reasons)})" in page
        for verdict in document["verdicts"]:
            assert words.tally_line(record.phases[document["verdicts"].index(verdict)].gates) in page
        for each in gates:
            shown = "-" if not each["applies"] else each["decision"] + (f"[{each['reason']}]" if each["reason"] else "")
            assert shown in page
            assert each["id"] in page
    message = json.loads(render(record, "checkpoint").text)
    assert (message["decision"], message["exit_code"]) == (document["decision"], document["exit_code"])
    assert [each["code"] for each in message["reasons"]] == [each["code"] for each in reasons]
    told = {(n, each["id"]): each for n, verdict in enumerate(message["phases"]) for each in verdict["gates"]}
    for n, each in [(n, each) for n, verdict in enumerate(document["verdicts"]) for each in verdict["gates"]]:
        assert told[n, each["id"]]["decision"] == each["decision"]
        values = [claim.get("value") for claim in told[n, each["id"]]["claims"]]
        assert values == [claim["value"] if claim["value"] != "" else None for claim in each["claims"]]
    assert sum(each["counts"]["PROCEED"] for each in message["phases"]) == sum(
        each["counts"] and each["decision"] == "PROCEED" for each in gates
    )
    bad = [each for each in gates if each["counts"] and each["decision"] != "PROCEED"]
    lines = list(annotated(record, Path("/")))
    shown = [[each for each in bad if each["decision"] == decision] for decision in ("ROLLBACK", "HOLD")]
    expected = sum(min(len(each), MOST) for each in shown)
    assert len(lines) == (expected or (document["decision"] != "PROCEED"))


def test_a_phase_without_traffic_is_not_taken_from_nothing_to_nothing():
    """A phase in the shadow is taken back by switching it off, and no percentage changes."""
    bad = gate("test_slow", Decision.ROLLBACK, "critical")
    record = record_of(document_of(phase(bad, traffic=Traffic(current=0.0, back=0.0))))

    assert words.orders(record)[0] == "Take shop back now: its traffic is at 0 % already."
    assert "Traffic is at 0 % already.\n" in render(record, "incident").text


def test_what_takes_a_release_back_stands_before_what_holds_it():
    """Beside the decision nothing else stands, as on the terminal; who reads at night reads one line."""
    held = gate("test_a", Decision.HOLD, "approval")
    back = gate("test_z", Decision.ROLLBACK, "critical")
    record = record_of(document_of(phase(held, back)))

    assert [because.code for because in words.reasons(record)] == ["critical", "approval"]
    assert words.deciding(record) == ("critical",)
    assert "ROLLBACK `[critical]`" in markdown(record)
    assert "ROLLBACK <small>[critical]</small>" in html(record)


def test_the_counts_of_a_page_are_those_of_the_gates():
    gates = [gate("a"), gate("b", Decision.HOLD, "stale"), gate("c", counts=False)]

    assert words.tally(record_of(document_of(phase(*gates))).gates) == {
        "PROCEED": 1,
        "HOLD": 1,
        "ROLLBACK": 0,
        "not counted": 1,
    }


# -- injection ---------------------------------------------------------------


def nasty_record(text):
    bad = claim(
        Truth.REFUTED, text=text, subject=text, limit=text, why=text, needs=text, action=text, runbook=text, query=text
    )
    told = gate(
        "x", Decision.ROLLBACK, "trigger", (bad,), path=f"test_x.py::t[{text}]", title=text, sentence=text, owner=text
    )
    document = document_of(phase(told), reasons=[Because("error", text)], environment=text, fault=text)
    facts = PhaseFacts(
        rollout_title=text,
        phase_title=text,
        roles=(RoleRecord(role=text, needed=2, signed=(Signature(principal=text, comment=text),), refused=(text,)),),
        statements=(StatementRecord(topic=text, asked=text, says=text, by=text, at=AT),),
        earlier=(Earlier(at=datetime(2026, 11, 24, tzinfo=UTC), decision="HOLD", reasons=(text,), stage=text),),
        started=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return record_of(
        document, facts, {("shop", "canary", told.gate.id): GateFacts(description=text, message=text, seconds=1.0)}
    )


MARKDOWN_TAGS = {"h2", "h3", "p", "ul", "li", "strong", "em", "code", "details", "summary", "blockquote", "br"}
MARKDOWN_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_markdown_shows_it_as_text(text):
    page = markdown(nasty_record(text))
    made = Page(rendered(page))

    assert set(made.tags) <= MARKDOWN_TAGS
    assert not made.attributes
    assert made.tags.count("details") == 2
    assert made.tags.count("tr") == 2 + 3  # heading and gate; heading, a signature, one that is awaited
    assert squeezed(words.subject(nasty_record(text))) in squeezed(made.text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page)
    for line in page.splitlines():
        assert not line.lstrip().startswith("::")
    assert "##[" not in page
    outside = re.sub(r"`[^`]*`|<code>.*?</code>", "", page)
    assert not re.search(r"@everyone|#12|https://|www\.evil|:tada:|GH-7", outside)
    if len(text) < 100:
        assert squeezed(made.text).count(squeezed(_visible(text))) > 3


def _visible(text):
    """The text as a page must show it: on one line, what moves the cursor as �."""
    return re.sub(r"[\x1b\u202e\u2066]", "�", " ".join(text.split()))


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_html_shows_it_as_text(text):
    source = html(nasty_record(text))
    made, plain = Page(source), Page(html(nasty_record("plain")))

    assert "##[" not in source
    assert not any(line.lstrip().startswith("::") for line in source.splitlines())
    assert made.tags == plain.tags
    assert made.attributes == plain.attributes
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", source)
    assert squeezed(made.text).count(squeezed(_visible(text))) > 10


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_an_annotation_is_one_command(text):
    lines = list(annotated(nasty_record(text), Path("/")))

    assert [line[:8] for line in lines] == ["::error "]
    head, _, message = lines[0][2:].partition("::")
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]
    assert {each.partition("=")[0] for each in head.removeprefix("error ").split(",")} <= {"file", "line", "title"}
    assert len(message) < 4000


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_messages_show_it_as_text(text, name):
    record = nasty_record(text)
    message = render(record, name)
    if message.kind == "json":
        found = json.loads(message.text)
        assert found["phases"][0]["gates"][0]["title"] == text
        return
    made = Page(rendered(message.text))
    assert set(made.tags) <= MARKDOWN_TAGS
    assert not made.attributes
    assert not re.search(r"@everyone|#12|https://|www\.evil|:tada:|GH-7", message.text)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_junit_properties_are_text_on_one_line(text):
    found = dict(claim_properties([claim(text=text, why=text)]))

    assert found["claim.1"] == f"proven: {_visible(text)}"
    assert found["claim.1.value"] == "12.5"
    assert not any("\n" in value or "\x1b" in value for value in found.values())


# -- size --------------------------------------------------------------------


def test_a_long_page_is_cut_by_section_and_says_so():
    gates = [gate(f"test_{number}", title="t" * 500, sentence="s" * 500) for number in range(3000)]
    record = record_of(document_of(phase(*gates)))

    page = markdown(record)
    short = FORMATS["comment"](record)

    assert len(page.encode()) <= 2**20
    assert len(short) <= 65_536
    for each in (page, short):
        assert each.startswith("## 🟢 PROCEED")
        assert "Left out" in each
        assert each.count("<details>") == each.count("</details>")
    assert "Left out" not in markdown(record_of(document_of(phase(gate()))))
    assert stdlib_html.escape("<") == "&lt;"


# -- what was not measured ---------------------------------------------------


def test_a_value_that_was_not_measured_cannot_appear(tmp_path):
    """Nobody fills it with a zero, a blank or the word None."""
    (tmp_path / "mine.md.j2").write_text('Fine.\n\nThe P99 is {{ measured["test_low"].high }}.\n', "utf-8")
    record = record_of(document_of(*CASES["hold"]))

    with pytest.raises(MessageError, match=r"mine\.md\.j2:3: .*'high'(.|\n)*it was not measured"):
        render(record, "mine", templates=tmp_path)


def test_ones_own_template_replaces_the_built_in_one(tmp_path):
    (tmp_path / "stakeholders.md.j2").write_text('P99 {{ measured["test_low"].value }} ms\n', "utf-8")

    assert render(record_of(document_of(*CASES["hold"])), "stakeholders", templates=tmp_path).text == "P99 8.1 ms\n"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ refuse.__globals__ }}",
        "{% include '../../../../etc/passwd' %}",
        "{{ phases.append(1) }}",
        "{{ phases }}",
        "{% for x in %}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_that_goes_too_far_is_an_error_with_its_line(tmp_path, template):
    (tmp_path / "bad.md.j2").write_text(f"\n{template}\n", "utf-8")

    with pytest.raises(MessageError, match=r"bad\.md\.j2"):
        render(record_of(document_of(*CASES["hold"])), "bad", templates=tmp_path)


def test_an_incident_report_is_about_a_rollback():
    with pytest.raises(MessageError, match="an incident report is about a ROLLBACK, and this run decided HOLD"):
        render(record_of(document_of(*CASES["hold"])), "incident")


@pytest.mark.parametrize(("name", "days"), [("weekly", "seven"), ("review", "thirty")])
@pytest.mark.parametrize(
    ("facts", "embedded", "why"),
    [
        (PhaseFacts(), False, "no earlier run of canary in the last DAYS days is in the ledger of 'production'"),
        (PhaseFacts(forgotten="environment 'x' names no ledger"), False, "environment 'x' names no ledger"),
        (PhaseFacts(), True, "an embedded world keeps no ledger, so nothing is known of earlier runs"),
    ],
    ids=["the first run", "no ledger", "embedded"],
)
def test_a_past_that_nobody_remembers_is_not_made_up(name, days, facts, embedded, why):
    """Said to who asked for the message, in words, and not to who wrote its template."""
    document = {**document_of(*CASES["hold"]), "embedded": embedded}

    with pytest.raises(MessageError) as caught:
        render(record_of(document, facts), name)

    assert str(caught.value) == f"no message '{name}' of this run: {why.replace('DAYS', days)}"
