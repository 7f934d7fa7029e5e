"""The Jupyter Server extension that serves the start page at `/onsite`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from tornado import web

from onsite.course.compiler import SERVICE_NAMES
from onsite.course.layout import find_layout
from onsite.errors import OnsiteError
from onsite.study.overview import Overview, read_overview
from onsite.study.progress import Progress, ProgressError

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

TEMPLATES = Environment(
    loader=PackageLoader("onsite.study"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
TEMPLATES.filters["points"] = "{:g}".format


class StartPage(JupyterHandler):
    """The page itself, with the progress there is when it is loaded."""

    @web.authenticated
    def get(self) -> None:
        """Serve the page."""
        overview, warning = _look()
        lab = url_path_join(self.base_url, "lab")
        page = TEMPLATES.get_template("start_page.html").render(
            overview=overview,
            warning=warning,
            progress=as_json(overview),
            services=SERVICE_NAMES,
            lab=lab,
            folder=url_path_join(lab, "tree", "work"),
        )
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(page)


class ProgressReport(APIHandler):
    """The progress alone, which the open page asks for again and again."""

    @web.authenticated
    def get(self) -> None:
        """Serve the progress as JSON."""
        overview, warning = _look()
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({**as_json(overview), "warning": warning}))


def as_json(overview: Overview) -> dict[str, Any]:
    """What moves while a learner works: points and states by `module/topic`, and what is next."""
    following = overview.next
    return {
        "earned": overview.earned,
        "possible": overview.possible,
        "topics": {
            topic.key: {"earned": topic.earned, "possible": topic.possible, "state": topic.state}
            for topic in overview.topics
        },
        "next": following
        and {
            "title": following.plan.title,
            "started": following.state == "in progress",
            "href": notebook_place(following.key),
        },
    }


def notebook_place(key: str) -> str:
    """A notebook's address below JupyterLab's own, from `module/topic`."""
    return str(url_escape(f"tree/work/{key}.ipynb"))


TEMPLATES.filters["place"] = notebook_place


def _look() -> tuple[Overview, str]:
    """The course and the progress; when that cannot be read, the course and a warning."""
    try:
        layout = find_layout()
        try:
            return read_overview(layout, Progress().standings()), ""
        except ProgressError as error:
            return read_overview(layout, {}), f"Note: {error}"
    except OnsiteError as error:
        raise web.HTTPError(500, reason="The course cannot be read", log_message=str(error)) from (
            error
        )


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "onsite.study.start_page"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add the page to a Jupyter server (Jupyter calls this)."""
    page = url_path_join(app.base_url, "onsite")
    app.web_app.add_handlers(
        ".*$",
        [
            (page, StartPage),
            (f"{page}/", web.RedirectHandler, {"url": page}),
            (f"{page}/progress", ProgressReport),
        ],
    )
