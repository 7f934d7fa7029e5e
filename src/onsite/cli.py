"""The command line: parses, calls, prints.

Each command imports what it needs when it runs, so that `onsite --help` is instant.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

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

services_app = typer.Typer(help="The servers that run for you, in any notebook or process.")
app.add_typer(services_app, name="services")


@services_app.callback(invoke_without_command=True)
def services(context: typer.Context) -> None:
    """Show the servers that run for you (the same as `onsite services status`)."""
    if context.invoked_subcommand is None:
        services_status()


@services_app.command("status")
def services_status() -> None:
    """Show what runs, where, which version, and who owns it."""
    from onsite.services.running import overrides, running
    from onsite.services.table import servers_table

    for variable, address in overrides().items():
        console.print(f"{variable}: your own server at {address}", highlight=False, soft_wrap=True)
    servers = running()
    console.print(servers_table(servers) if servers else "No server runs.")


@services_app.command("stop")
def services_stop() -> None:
    """Stop every server that runs for you and delete its data, whoever owns it."""
    from onsite.services.running import running, stop

    stopped = stop(running())
    for one in stopped:
        console.print(f"stopped {one.service} {one.version} at {one.address}", highlight=False)
    if not stopped:
        console.print("No server runs.")


def main() -> None:
    """Run the command line; a mendable error is one sentence and exit code 2."""
    try:
        app()
    except OnsiteError as error:
        errors.print(f"[bold red]onsite:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
