"""Python source as HTML with its words marked for a style sheet.

Pygments takes five milliseconds for what one student writes in a notebook, most of the time of a
page, and a class has thousands of pages. Nothing hangs on a colour, so one expression is enough. It
reads each character once: an unclosed string ends with the line, or with the text.
"""

from __future__ import annotations

import keyword
import re

from markupsafe import Markup, escape

#: What the groups' names are for a style sheet: comment, string, decorator, defined name, keyword,
#: number.
_WORDS = re.compile(
    rf"""
    (?P<comment>\#[^\n]*)
  | (?P<string>(?:\b[rbfutRBFUT]{{1,2}})?(?:
        \"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z) | '''(?:[^\\]|\\.)*?(?:'''|\Z)
      | \"(?:[^\"\\\n]|\\.)*\"? | '(?:[^'\\\n]|\\.)*'?
    ))
  | (?P<decorator>^[ ]*@[\w.]+)
  | (?P<name>(?:(?<=\bdef\ )|(?<=\bclass\ ))\w+)
  | (?P<keyword>\b(?:{"|".join(keyword.kwlist)})\b)
  | (?P<number>\b\d[\w.]*)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def coloured(source: str) -> Markup:
    """The text, escaped, with a span of a class around each word that has a colour."""
    parts: list[str] = []
    at = 0
    for word in _WORDS.finditer(source):
        parts.append(escape(source[at : word.start()]))
        parts.append(f'<span class="{word.lastgroup}">{escape(word[0])}</span>')
        at = word.end()
    parts.append(escape(source[at:]))
    return Markup("".join(parts))  # noqa: S704 - of what is escaped above
