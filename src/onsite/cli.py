"""The command line: parses, calls, prints.

Each command imports what it needs when it runs, so that `onsite --help` is instant.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from onsite.errors import OnsiteError

app = typer.Typer(
    name="onsite",
    help="A notebook course for the senior Python backend interview, graded by proved checks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()
errors = Console(stderr=True)


# --- course ---------------------------------------------------------------------------------


# --- grading --------------------------------------------------------------------------------


# --- study ----------------------------------------------------------------------------------


# --- services -------------------------------------------------------------------------------


def main() -> None:
    """Run the command line; a mendable error is one sentence and exit code 2."""
    try:
        app()
    except OnsiteError as error:
        errors.print(f"[bold red]onsite:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
