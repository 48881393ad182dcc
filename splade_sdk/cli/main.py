"""The ``splade`` command: wires the commands, and turns errors into one line and an exit code.

Exit codes: 0 fine, 1 an error, 2 wrong usage, 130 stopped by Ctrl-C.
"""

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from inspect import signature
from typing import Annotated

import typer
from typer.models import CommandInfo

from splade_sdk import __version__
from splade_sdk.cli import (
    compare,
    demo,
    doctor,
    encode,
    explain,
    index,
    inspect,
    models,
    search,
    serve,
    teach,
    train,
    tune,
    upgrade,
)
from splade_sdk.cli import eval as evaluation
from splade_sdk.cli.printing import degrade_output, printable, say, show
from splade_sdk.errors import SpladeError, TruncationWarning

__all__ = ["app", "run"]

app = typer.Typer(
    name="splade",
    help="SPLADE learned sparse retrieval on Qdrant: encode, search, evaluate and train, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("encode", epilog=encode.EXAMPLES)(encode.encode)
app.command("inspect", epilog=inspect.EXAMPLES)(inspect.inspect)
app.command("models", epilog=models.EXAMPLES)(models.models)
app.command("index", epilog=index.EXAMPLES)(index.index)
app.command("search", epilog=search.EXAMPLES)(search.search)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("upgrade", epilog=upgrade.EXAMPLES)(upgrade.upgrade)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare)
app.command("explain", epilog=explain.EXAMPLES)(explain.explain)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
app.command("eval", epilog=evaluation.EXAMPLES)(evaluation.evaluate)
app.command("tune", epilog=tune.EXAMPLES)(tune.tune)
app.command("train", epilog=train.EXAMPLES)(train.train)
app.command("teach", epilog=teach.EXAMPLES)(teach.teach)


def _version(value: bool) -> None:
    if value:
        show(f"splade-sdk {__version__}")
        raise typer.Exit


@app.callback(epilog="Start with `splade demo`, then see `splade index --help`.")
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """SPLADE learned sparse retrieval on Qdrant: encode, search, evaluate and train, offline."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process.

    Args:
        arguments: Words after ``splade``; None takes the process's own.

    Raises:
        SystemExit: always, with the exit code.
    """
    degrade_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    if debug:
        words.remove("--debug")
    windows = any(each.name in options and _has_windows(each) for each in app.registered_commands)
    warnings.formatwarning = partial(_one_line, windows)
    try:
        app(args=words, prog_name="splade")
    except Exception as error:
        if debug:
            raise
        sys.exit(_report(error))


def _has_windows(command: CommandInfo) -> bool:
    return command.callback is not None and "windows" in signature(command.callback).parameters


def _one_line(windows: bool, message: Warning | str, *_: object) -> str:
    """Format a warning as one line, without the source line that raised it.

    Args:
        windows: Whether the command has the option that the warning of cut texts advises.
        message: The warning.
    """
    shown = printable(" ".join(str(message).split()))
    if isinstance(message, TruncationWarning):
        advice = "; --windows encodes them whole" if windows else ""
        shown = shown.partition("; long_documents=")[0] + advice
    return f"warning: {shown}\n"


def _report(error: Exception) -> int:
    """Print one line on stderr and return the exit code."""
    message = " ".join("; ".join([str(error), *getattr(error, "__notes__", ())]).split())
    if not isinstance(error, SpladeError):
        message = f"{type(error).__name__}: {message} (--debug shows where)"
    say(message, label="error:")
    return 1
