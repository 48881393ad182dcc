"""``splade train``: train a model as a YAML file says."""

from pathlib import Path
from typing import Annotated

import typer

from splade_sdk.cli.printing import say, show

__all__ = ["EXAMPLES", "train"]

EXAMPLES = """**Examples**

`splade train config.yaml`

`splade train config.yaml --output-dir runs/second`

`torchrun --nproc-per-node 4 --no-python splade train config.yaml` (four devices, one batch)

`splade train config.yaml --print-config` (every key with its value)

The smallest configuration; paths are relative to its folder:

    model: {base: path/or/name}

    data: [{path: pairs.jsonl}]

    output_dir: runs/first
"""


def train(
    config: Annotated[
        Path, typer.Argument(help="YAML file; --print-config shows its keys.", dir_okay=False)
    ],
    *,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Go on from the last checkpoint in the output folder, if there is one; with "
            "--no-resume a folder with checkpoints is an error.",
        ),
    ] = True,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run, in place of the configuration's output_dir.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option(
            "--print-config",
            help="Print every key with its value, and train nothing.",
        ),
    ] = False,
) -> None:
    """Train or distil a SPLADE model.

    Writes log, plots, checkpoints and the model into the run's folder. A run that was stopped
    goes on from its last checkpoint when it is started again.
    """
    from splade_sdk.training.config import load_config
    from splade_sdk.training.log import read_log
    from splade_sdk.training.progress import progress_line
    from splade_sdk.training.run import train as run

    settings = load_config(config)
    if output_dir is not None:
        settings = settings.model_copy(update={"output_dir": output_dir})
    if print_config:
        import yaml

        show(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False).rstrip())
        return
    model = run(settings, resume=resume)
    from accelerate import PartialState  # there now: the run has asked for its extra

    if not PartialState().is_main_process:
        return
    last: dict[str, float] = {}
    for row in read_log(settings.output_dir / "log.csv"):
        last |= row
    if progress := progress_line(last):
        say(f"at the end: {progress}")
    say(f"plots and log are in {settings.output_dir}, the model is in:")
    show(model)
