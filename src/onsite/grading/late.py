"""What a late submission costs, by the plugin that nbgrader is configured with."""

from __future__ import annotations

import logging

from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from onsite.errors import OnsiteError


class LatePenalty:
    """Nbgrader's AssignLatePenalties without its notebook and its own way to the gradebook.

    The plugin is `c.AssignLatePenalties.plugin_class` of nbgrader_config.py.
    """

    def __init__(self, config: Config) -> None:
        preprocessor = AssignLatePenalties(config=config)
        preprocessor.log = logging.getLogger("onsite.late")
        preprocessor.init_plugin()
        self._plugin = preprocessor.plugin_inst

    def __call__(self, student: str, score: float, seconds_late: float) -> float | None:
        """The penalty in points for one notebook, at least 0 and at most its score; None for none.

        Raises:
            OnsiteError: the plugin failed.
        """
        try:
            penalty = self._plugin.late_submission_penalty(student, score, seconds_late)
            return None if penalty is None else float(0 if penalty < 0 else min(penalty, score))
        except Exception as error:  # whatever somebody's plugin raises
            raise OnsiteError(
                f"The plugin {type(self._plugin).__name__} for late submissions failed on "
                f"{student}: {type(error).__name__}: {error}; see c.AssignLatePenalties in "
                "nbgrader_config.py."
            ) from error
