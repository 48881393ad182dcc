"""From the start of a process to the first vector, beside the imports that nobody can avoid.

python -m benchmarks.startup
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._common import (
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)

IMPORTS = "import torch; from transformers import AutoModelForMaskedLM"
PROGRAMS = {
    "import torch and AutoModelForMaskedLM": IMPORTS,
    "the same, and the model loaded": f"{IMPORTS}; AutoModelForMaskedLM.from_pretrained(MODEL)",
    "SpladeEncoder, first vector": "from splade_sdk import SpladeEncoder; "
    "SpladeEncoder(MODEL).encode('hello world')",
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT)}


def seconds(program: str) -> float:
    """Return how long a new interpreter takes to run a program."""
    before = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**os.environ, **OFFLINE},
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - before


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder; without it, the default one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=RESULTS / "startup")
    asked = parser.parse_args(arguments)
    from splade_sdk.models.default import default_model_path

    machine = hardware()
    model = str((asked.model or default_model_path()).resolve())
    programs = {name: code.replace("MODEL", repr(model)) for name, code in PROGRAMS.items()}
    for program in programs.values():
        seconds(program)  # fills the page cache
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(asked.rounds):
        for name, program in programs.items():
            times[name].append(seconds(program))
    medians = {name: statistics.median(each) for name, each in times.items()}
    bare = next(iter(medians.values()))
    result = {
        "hardware": machine,
        "versions": versions("torch", "transformers", "splade-sdk"),
        "rounds": asked.rounds,
        "median_s": medians,
    }
    rows = [[name, each, each / bare] for name, each in medians.items()]
    markdown = "\n\n".join(
        [
            "# Start-up",
            hardware_line(machine, result["versions"]),
            f"Median of {asked.rounds} processes of each, in turn, files in the cache, offline.",
            table(["program", "seconds", "ratio"], rows),
        ]
    )
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
