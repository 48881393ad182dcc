"""What every benchmark needs: the machine, the versions, the texts, and where results go."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT.parent / "shared" / "data"


def hardware() -> dict[str, Any]:
    """Name the processor, its cores and the memory, in GB of 10**9 bytes."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0].partition(":")[2].strip() if names else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "os": f"{platform.system()} {platform.machine()}",
        "load_1min": round(os.getloadavg()[0], 2),
    }


def versions(*packages: str) -> dict[str, str]:
    """Return python's version and those of the packages that are installed."""
    installed = {package: _version(package) for package in packages}
    return {"python": platform.python_version(), **installed}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def hardware_line(machine: Mapping[str, Any], packages: Mapping[str, str]) -> str:
    """Return one line of Markdown that says when and on what the numbers were made."""
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    used = ", ".join(f"{name} {number}" for name, number in packages.items())
    return (
        f"{day}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['os']}; load when started {machine['load_1min']}; {used}"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats get two digits."""

    def cells(values: Sequence[object]) -> str:
        told = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)
        return "| " + " | ".join(told) + " |"

    return "\n".join([cells(header), "|" + "---|" * len(header), *(cells(row) for row in rows)])


def write_results(output: Path, result: Mapping[str, Any], markdown: str) -> None:
    """Write ``output`` with the endings ``.json`` and ``.md``."""
    output.parent.mkdir(parents=True, exist_ok=True)
    dated = {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"), **result}
    output.with_suffix(".json").write_text(json.dumps(dated, indent=2) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(markdown.rstrip() + "\n", encoding="utf-8")


def read_texts(collection: str, count: int) -> list[str]:
    """Return title and text of the first documents of a collection beside the checkout."""
    texts = []
    with (DATA / collection / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line, _ in zip(lines, range(count), strict=False):
            document = json.loads(line)
            texts.append(f"{document.get('title', '')} {document['text']}".strip())
    return texts


def read_queries(collection: str, count: int) -> list[str]:
    """Return the first queries of a collection beside the checkout."""
    with (DATA / collection / "queries.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]
