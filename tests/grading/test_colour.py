from __future__ import annotations

import html
import re

import pytest

from onsite.grading.colour import coloured


def words(source: str) -> list[tuple[str, str]]:
    """What is coloured, as kind and text."""
    found = re.findall(r'<span class="(\w+)">(.*?)</span>', coloured(source), re.DOTALL)
    return [(kind, html.unescape(text)) for kind, text in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@app.get('/')", [("decorator", "@app.get"), ("string", "'/'")]),
        ("a @ b", []),
        ("async def défi(x=0x1f):", [
            ("keyword", "async"), ("keyword", "def"), ("name", "défi"), ("number", "0x1f")]),
        ("class A(B): x1 = 1_0.5e3", [("keyword", "class"), ("name", "A"), ("number", "1_0.5e3")]),
        ("s = rb'it\\'s' + f\"{a!r}\"", [("string", "rb'it\\'s'"), ("string", 'f"{a!r}"')]),
        ('"""a \'\n# b""" # c', [("string", '"""a \'\n# b"""'), ("comment", "# c")]),
        ("x = '# no'\ny = 'open # no\nif", [
            ("string", "'# no'"), ("string", "'open # no"), ("keyword", "if")]),
        ("'''open\nif", [("string", "'''open\nif")]),
        ("bar = rub", []),
        ("notify = in_ + classes", []),
    ],
)  # fmt: skip
def test_what_gets_a_colour(source: str, expected: list[tuple[str, str]]) -> None:
    assert words(source) == expected


HOSTILE = "</pre><script>alert('1')</script># <b> \"\"\" @x.y def <i> 1<2 '&amp;"


@pytest.mark.parametrize("source", [HOSTILE, f"'{HOSTILE}", f"def {HOSTILE}", "\\\n'\\", ""])
def test_all_of_the_text_is_there_and_escaped(source: str) -> None:
    made = coloured(source)
    text = re.sub(r'<span class="[a-z]+">|</span>', "", made)
    assert "<" not in text
    assert html.unescape(text) == source
