"""Whether the recipe's first steps give the same losses when they are run again.

Each run is a process of its own, begins at the start (it does not resume), and is ended after the
step; every logged loss of one is compared with the other's. It takes half an hour on two cores.

    python -m recipes.bundled.repeat
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from benchmarks._common import RESULTS, hardware, hardware_line, table, versions, write_results
from splade_sdk.training.log import read_log

_RECIPE = Path(__file__).with_name("train.yaml")
_SECONDS = 2  # between two looks at the log


def logged(folder: Path, steps: int) -> dict[int, dict[str, float]]:
    """Return the losses of each logged step up to ``steps``, as far as the run has come."""
    log = folder / "log.csv"
    rows = read_log(log) if log.is_file() else []
    return {
        int(row["step"]): {name: value for name, value in row.items() if name.endswith("loss")}
        for row in rows
        if row["step"] <= steps and "loss" in row
    }


def first_steps(folder: Path, steps: int) -> dict[int, dict[str, float]]:
    """Run the recipe from its start, end it after ``steps``, and return its losses.

    Raises:
        SystemExit: if the run ends before.
    """
    shutil.rmtree(folder, ignore_errors=True)
    recipe = yaml.safe_load(_RECIPE.read_text(encoding="utf-8"))
    recipe["output_dir"] = str(folder)
    file = _RECIPE.with_name(f".{folder.name}.yaml")  # paths are relative to its folder
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("splade")), "train", str(file)]
    run = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        while steps not in (found := logged(folder, steps)):
            if run.poll() is not None:
                raise SystemExit(f"training ended with {run.returncode} before step {steps}")
            time.sleep(_SECONDS)
        return found
    finally:
        run.terminate()
        run.wait()
        file.unlink()


def largest_difference(
    one: Mapping[int, Mapping[str, float]], other: Mapping[int, Mapping[str, float]]
) -> float:
    """Return it over all losses; NaN if one of them is not a number."""
    apart = [abs(one[step][name] - other[step][name]) for step in one for name in one[step]]
    return float(np.max(apart))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="how many")
    parser.add_argument("--runs", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--output", type=Path, default=RESULTS / "bundled-repeat")
    asked = parser.parse_args()
    every = yaml.safe_load(_RECIPE.read_text(encoding="utf-8"))["log_every_steps"]
    if asked.steps % every:
        parser.error(f"--steps is {asked.steps}: expected a multiple of {every}, as is logged")
    machine = hardware()
    one, other = (
        first_steps((asked.runs / f"repeat-{at}").resolve(), asked.steps) for at in (1, 2)
    )
    apart = largest_difference(one, other)
    used = versions("splade-sdk", "torch", "transformers")
    result = {
        "hardware": machine,
        "versions": used,
        "steps": asked.steps,
        "largest_difference": apart,
        "runs": [one, other],
    }
    rows = [[step, *(f"{run[step]['loss']:.9f}" for run in (one, other))] for step in one]
    losses = sum(map(len, one.values()))
    about = (
        f"The first {asked.steps} steps of the recipe in two processes, one after the other; the "
        f"mean loss since the line before. The largest difference of {losses} logged losses, the "
        f"parts of the loss among them, is {apart:.1g}."
    )
    markdown = "\n\n".join(
        [
            "# The bundled model's training, twice",
            hardware_line(machine, used),
            about,
            table(["step", "first run", "second run"], rows),
        ]
    )
    write_results(asked.output, result, markdown + "\n")
    print(markdown)


if __name__ == "__main__":
    main()
