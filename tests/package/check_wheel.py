"""Builds the wheel, installs it alone in a clean environment outside the checkout, and uses it.

Run by ``make package``; not a pytest file, because the checkout must not be on the path.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
INTEGRATIONS = ("haystack", "langchain", "llama_index", "rag", "ray")
MODEL = ("README.md", "config.json", "model.safetensors", "query_token_weights.safetensors")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(out / "dist"), str(ROOT))
        (wheel,) = (out / "dist").glob("*.whl")
        check_contents(wheel)
        python = out / "venv" / "bin" / "python"
        venv.create(out / "venv", with_pip=True)
        constraints = ["--quiet", "--constraint", str(ROOT / "constraints.txt")]
        for needed in ("torch", f"splade-sdk[edge] @ {wheel.as_uri()}"):
            run(str(python), "-m", "pip", "install", *constraints, needed)
        work = out / "work"
        work.mkdir()
        smoke(python, "smoke.py", work)
        run(str(python.with_name("splade")), "--version", cwd=work)
        framework = f"splade-sdk[edge,langchain] @ {wheel.as_uri()}"
        run(str(python), "-m", "pip", "install", *constraints, framework)
        smoke(python, "smoke_langchain.py", work)
    print("package: 2 passed, 0 failed")


def smoke(python: Path, script: str, work: Path) -> None:
    (work / script).write_text((HERE / script).read_text(encoding="utf-8"), encoding="utf-8")
    run(str(python), script, cwd=work)


def check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = ["splade_sdk", *(f"splade_integrations/{each}" for each in INTEGRATIONS)]
    page = [f"splade_sdk/serving/page/{name}" for name in ("index.html", "page.css", "page.js")]
    typed = [f"{each}/{name}" for each in packages for name in ("py.typed", "__init__.py")]
    model = [f"splade_sdk/models/bundled/{name}" for name in MODEL]
    for wanted in (*typed, *page, *model):
        if wanted not in names:
            sys.exit(f"{wheel.name} lacks {wanted}")
    allowed = ("splade_sdk/", "splade_integrations/", "splade_sdk-")
    if strange := [name for name in names if not name.startswith(allowed) or "test" in name]:
        sys.exit(f"{wheel.name} ships what it should not: {strange}")
    if "splade_integrations/__init__.py" in names:
        sys.exit(f"{wheel.name} closes the namespace splade_integrations to other distributions")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        sys.exit(f"{wheel.name} lacks its licence")


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    main()
