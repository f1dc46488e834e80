"""Blocks: the code of a Markdown page, and what running it must show.

A page is a small project: its blocks run from top to bottom in one folder of
their own, so that a later step builds on an earlier one. What a block is:

    ```console          `$ command` lines, `> ` continues one; below each, what it prints
    # gates/x/y.py      any block whose first line is a comment with a path is that file
    <!-- plan part -->  YAML: a part of a plan, loaded together with the least that a plan needs
    <!-- refused -->    YAML: a plan (or part) that is refused; the `text` block below it says how
    <!-- header -->     Python: what every gate module of the page starts with
    <!-- gates: X -->   Python: gates that end as X, such as PROCEED or HOLD[no-claim]; a `text`
                        block below it stands in what the run prints
    <!-- from: path --> a part of that file of this project, word for word
    <!-- not run: why -->

A comment stands on the line above its block and is not seen by readers. In
expected output `…` and `...` stand for anything, and runs of blanks, line
breaks and `=` for one of them, so that nothing depends on a screen's width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = frozenset({"bash", "console", "ini", "json", "python", "text", "toml", "yaml"})

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_WORDS = ("not run", "plan part", "refused", "header", "gates", "from")
_COMMENT = re.compile(rf"^ *<!-- (?P<word>{'|'.join(_WORDS)})(?:: (?P<rest>.+?))? -->\s*$")
_PATH = re.compile(r"^# (?P<path>[\w.\-]+(?:/[\w.\-]+)*\.(?:py|yaml|toml|ini|sh|json))$")
_WILDCARD = re.compile(r"…|\.\.\.")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins (the line of its first content), its language, comment and content."""

    page: Path
    line: int
    language: str
    word: str
    rest: str
    content: str

    @property
    def where(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the block is; empty when it is none."""
        match = _PATH.match(self.content.partition("\n")[0])
        return match["path"] if match and self.language != "console" else ""

    @property
    def kind(self) -> str:
        """What to do with it: the comment's word, `file`, `console` or `text`.

        Nothing of all these is a block that nothing would try, which is an error.
        """
        if self.word:
            return self.word
        if self.file:
            return "file"
        return self.language if self.language in {"console", "text"} else ""


@dataclass(frozen=True)
class Command:
    """One command of a console block, and what it prints."""

    line: int
    command: str
    expected: str


def pages() -> list[Path]:
    """Every page: the README, and all below docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    found: list[Block] = []
    word = rest = language = indent = ""
    start, inside = 0, False
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if inside and fence and not fence["language"]:
            content = "\n".join(each.removeprefix(indent) for each in lines[start : number - 1])
            found.append(Block(page, start + 1, language, word, rest, content))
            inside, word, rest = False, "", ""
        elif not inside and fence:
            inside, language, indent, start = True, fence["language"], fence["indent"], number
        elif not inside and (comment := _COMMENT.match(line)):
            word, rest = comment["word"], comment["rest"] or ""
        elif not inside and line.strip():
            word = rest = ""
    assert not inside, f"{page}: a block is not closed"
    return found


def prose_of(page: Path) -> str:
    """A page without its blocks and without code between backticks."""
    text = re.sub(r"^( *)```.*?^\1```\s*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def whole_project(page: Path) -> bool:
    """Whether the page is about this repository, `<!-- project: repository -->`, and not about a new project."""
    return "<!-- project: repository -->" in page.read_text(encoding="utf-8")


def commands_of(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for number, line in enumerate(block.content.splitlines(), start=block.line):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], ""))
        elif (line == ">" or line.startswith("> ")) and found and not found[-1].expected:
            found[-1] = Command(found[-1].line, f"{found[-1].command}\n{line[2:]}", "")
        else:
            assert found, f"{block.where}: output before any command"
            found[-1] = Command(found[-1].line, found[-1].command, f"{found[-1].expected}{line}\n")
    return found


def matches(expected: str, printed: str, *, somewhere: bool = False) -> bool:
    """Whether `printed` is (or, `somewhere`, holds) what a page expects."""
    pattern = ".*?".join(re.escape(part) for part in _WILDCARD.split(_even(expected)))
    search = re.search if somewhere else re.fullmatch
    return search(pattern, _even(printed), flags=re.DOTALL) is not None


def _even(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"={3,}", "===", text)).strip()


def tables_of(page: Path, first_heading: str) -> list[list[str]]:
    """The rows of the tables whose first column is called `first_heading`, without their headings."""
    rows: list[list[str]] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_heading:
            inside = True
        elif inside and not set(cells[0]) <= {"-", ":"}:
            rows.append(cells)
    return rows
