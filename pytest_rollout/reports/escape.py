"""Escape: text from outside as text, whatever page it ends up on.

Names of metrics, docstrings and messages of servers may hold anything. No
mark-up in them is ever obeyed, nobody is mentioned, nothing is linked, and
no command is given to whoever reads a log.
"""

from __future__ import annotations

import html
import re
import unicodedata

from pytest_rollout.reports.table import plain

_MARKUP = re.compile(
    r"[\\`*\[|~$]"
    r"|<(?=[A-Za-z/!?])"  # a tag; in `< 5` it is only less
    r"|&(?=#|\w+;)"  # an entity
    r"|(?<!\w)_|_(?!\w)"  # inside of a word it is only a letter
    r"|^[>=]|^:(?=:)"
    r"|^[#+-](?=[\s#-]|$)"  # a heading, a list, a rule; in `-5` it is only minus
    r"|(?<=^\d)[.)](?=\s|$)|(?<=^\d\d)[.)](?=\s|$)|(?<=^\d\d\d)[.)](?=\s|$)"
)
_COMMAND = re.compile(r"(?m)(^\s*|##)(:(?=:)|(?<=##)\[)")
_ALIVE = re.compile(r"@(?=\w)|#(?=\d)|:(?=//)|(?i:www)(?=\.)|(?i:gh)(?=-\d)|:(?!\d\d[:+])(?=[\w+-]+:)")


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters, and how many were left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def markdown_text(text: str, most: int = 1000) -> str:
    """Text in a paragraph, a list or a cell of GitHub's Markdown: on one line, and nothing but text.

    An empty comment stands behind what GitHub makes alive after it has read
    the Markdown: mentions, references, addresses and signs between colons.
    """
    return _ALIVE.sub(r"\g<0><!-- -->", _MARKUP.sub(r"\\\g<0>", shortened(plain(text), most)))


def markdown_code(text: str, most: int = 1000) -> str:
    """Text as code, in which GitHub makes nothing alive; good in cells of a table, too."""
    shown = shortened(plain(text), most)
    if not shown:
        return ""
    marked = any(each in shown for each in ("`", "|", "##["))
    return f"<code>{markdown_text(shown, most * 2)}</code>" if marked else f"`{shown}`"


def html_text(text: str) -> str:
    """Text in an element or an attribute of HTML; line breaks are kept, control characters are shown as �."""
    shown = html.escape("\n".join(_shown(line) for line in text.splitlines()))
    return _COMMAND.sub(lambda found: f"{found[1]}&#{ord(found[2])};", shown)


def _shown(line: str) -> str:
    """A line whose blanks are its own; what would move the cursor or turn the direction is a �."""
    return "".join(
        "�" if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and each != "\t" else each for each in line
    )


def command_data(text: str) -> str:
    """Text as the message of a GitHub workflow command."""
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Text as a property of a GitHub workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def no_command(line: str) -> str:
    """A line of a log that no runner takes for a command of its own: `::error` and `##[error]`."""
    harmless = line.replace("##[", "# #[").replace("##vso", "# #vso")
    bare = harmless.lstrip()
    return harmless.replace("::", ": :", 1) if bare.startswith("::") else harmless
