"""A graded notebook that tries everything to change the page that shows it."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.grading.graded import executed

#: What an attack does when it succeeds.
ACT = "document.title='pwned'"
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c626001000000ffff03000006000557"
        "bfabd40000000049454e44ae426082"
    )
).decode()
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{ACT}"><script>{ACT}</script></svg>'
TABLE = (
    "<div>\n<style scoped>\n    .dataframe { color: red; }\n</style>\n"
    '<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
    "<th>limit</th></tr></thead><tbody><tr><th>0</th><td>5</td></tr></tbody></table>\n</div>"
)
HTML = {
    "script": f"<script>{ACT}</script>",
    "handler": f'<img src="x" onerror="{ACT}">',
    "svg": f'<svg onload="{ACT}"></svg>',
    "link": f'<a class="attack" href="javascript:{ACT}">look</a>',
    "frame": f'<iframe srcdoc="<script>parent.{ACT}</script>"></iframe>',
    "parser": f'<svg><style><img src=x onerror="{ACT}"></style></svg>'
    f'<noscript><p title="</noscript><img src=x onerror={ACT}>">',
    "form": '<form action="/formgrader/api/grade/1"><button class="full-credit">ok</button></form>',
    "overlay": '<div id="statusmessage" class="navbar-fixed-top" style="position:fixed">x</div>',
    "meta": '<meta http-equiv="refresh" content="0;url=/lab"><base href="http://evil.example/">',
}


def _shown(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def outputs() -> list[dict[str, Any]]:
    """What a student's cell may leave behind, one attack each, and a table and a picture."""
    return [
        _shown({"text/html": TABLE, "text/plain": "limit"}),
        _shown({"image/png": PIXEL}),
        *(_shown({"text/html": html, "text/plain": name}) for name, html in HTML.items()),
        _shown({"application/javascript": ACT}),
        _shown({"application/javascript": ACT, "text/plain": "an object"}),
        _shown({"text/markdown": HTML["handler"] + HTML["script"]}),
        _shown({"image/svg+xml": SVG}),
        # nbconvert writes these two numbers without quotes.
        _shown({"image/png": PIXEL}, **{"image/png": {"width": f"1 onload={ACT}"}}),
        _shown({"image/png": f'{PIXEL}" onload="{ACT}'}),
        _shown({"text/html": HTML["script"]}, **{"text/html": {"isolated": True}}),
        _shown({"text/latex": f"$\\href{{javascript:{ACT}}}{{look}}$</div>{HTML['script']}"}),
        _shown({"text/vnd.mermaid": f"graph TD; A-->B</pre>{HTML['script']}"}),
        _shown({"application/vnd.vega.v5+json": {"signals": [{"update": ACT}]}}),
        _shown({"application/vnd.jupyter.widget-view+json": {"model_id": f"</script>{SVG}"}}),
        _shown({"application/x-unknown": HTML["script"]}),
        {"output_type": "stream", "name": "stdout", "text": f"{HTML['script']}\x1b[31m{SVG}"},
        {"output_type": "stream", "name": "stdout", "text": "flood\n" * 400_000},
        {
            "output_type": "error",
            "ename": HTML["handler"],
            "evalue": HTML["script"],
            "traceback": [f"\x1b[31m{HTML['handler']}", HTML["script"]],
        },
    ]


WRITTEN = (
    "\n\n".join(HTML.values()) + f"\n\n[look](javascript:{ACT}) ![x](attachment:x.svg) "
    "<a class='attack' href='evil.html'>x</a>"
    f"\n\n[look]: javascript:{ACT}\n\n[look] [lab](/lab) ![pixel](http://127.0.0.1:9/pixel.png)"
    f"\n\n# <img src=x onerror={ACT}>\n\n`{HTML['script']}`\n\n$\\href{{javascript:{ACT}}}{{x}}$\n"
)


def notebook() -> dict[str, Any]:
    """The small course's notebook, graded, with an attack in every place that is a student's."""
    answers = {"add": f"'''</pre>{HTML['script']}'''\nx = 1", "say-it": WRITTEN}
    nb = executed(answers, own=f"# {HTML['handler']}")
    nb["metadata"]["title"] = f"</title>{HTML['script']}"
    nb["metadata"]["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": f"</script>{HTML['script']}"}
    }
    for cell in nb["cells"]:
        cell["metadata"]["tags"] = [f'"><img src=x onerror="{ACT}">']
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "say-it":
            cell["attachments"] = {"x.svg": {"image/svg+xml": SVG}}
        if cell["cell_type"] == "code" and "'''</pre>" in cell["source"]:
            cell["outputs"] = outputs()
    return json.loads(json.dumps(nb))
