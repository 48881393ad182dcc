"""Writes what the pages print into their Output blocks: ``python docs/generate/outputs.py PAGE``.

For authors, after a change that is meant, such as another default model; read the difference.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests import markdown


def write_outputs(page: Path) -> None:
    """Run a page and replace what it shows.

    Args:
        page: Markdown file.
    """
    page = page.absolute()
    new = page.read_text(encoding="utf-8")

    def keep(got: str, shown: str, where: str) -> None:
        nonlocal new
        try:
            markdown.require_same(got, shown, where)
        except AssertionError:
            lines = "".join(line.rstrip() + "\n" for line in got.strip().splitlines())
            new = new.replace(
                f'```text title="Output"\n{shown}', f'```text title="Output"\n{lines}', 1
            )

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        patch.setenv("NO_COLOR", "1")
        patch.setenv("XDG_CACHE_HOME", os.path.join(folder, ".cache"))  # noqa: PTH118
        patch.syspath_prepend(folder)
        markdown.models_from_packages(patch)
        markdown.run_page(page, output=keep)
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_outputs(Path(name))
