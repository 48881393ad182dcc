"""The documentation strings of the running interpreter's standard library, as documents.

Python sources are parsed, not run. Modules written in C have no source: those are imported.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from splade_sdk.types import Document

__all__ = ["stdlib_documents"]

MAX_CHARACTERS = 600

# Not libraries, tests, games, another language's runtime, or loud when imported.
_SKIPPED = frozenset(
    (
        "__main__",
        "antigravity",
        "distutils",
        "encodings",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "nis",
        "nt",
        "ntpath",
        "nturl2path",
        "ossaudiodev",
        "pydoc_data",
        "readline",
        "spwd",
        "test",
        "this",
        "tkinter",
        "turtle",
        "turtledemo",
        "winreg",
        "winsound",
    )
)
# Where users find what a private module defines; others lose their underscore.
_PUBLIC_NAMES = {
    "_collections_abc": "collections.abc",
    "_pydatetime": "datetime",
    "_pydecimal": "decimal",
    "_pyio": "io",
    "concurrent.futures._base": "concurrent.futures",
    "genericpath": "os.path",
    "pathlib._local": "pathlib",
    "posix": "os",
    "posixpath": "os.path",
}

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def stdlib_documents() -> Iterator[Document]:
    """Yield one document for each documented module, class and function that is public.

    Methods come of the built-in types alone. The id is the qualified name, such as
    ``csv.writer``; each comes once.
    """
    seen: set[str] = set()
    for document in _all_documents():
        if document.id not in seen:
            seen.add(document.id)
            yield document


def _all_documents() -> Iterator[Document]:
    folder = Path(sysconfig.get_path("stdlib"))
    in_c = []
    for name in sorted(sys.stdlib_module_names - _SKIPPED):
        if (file := folder / f"{name}.py").is_file():
            yield from _parsed(file, name)
        elif (package := folder / name).is_dir():
            for file in sorted(package.rglob("*.py")):
                parts = file.relative_to(folder).with_suffix("").parts
                if not _SKIPPED.intersection(parts[1:]) and "tests" not in parts:
                    yield from _parsed(file, ".".join(parts).removesuffix(".__init__"))
        else:
            in_c.append(name)
    for name in in_c:
        yield from _imported(name)


def _public_name(module: str) -> str | None:
    """Return the name users know a module by, or None for one that is not meant for them."""
    if module in _PUBLIC_NAMES:
        return _PUBLIC_NAMES[module]
    if module.startswith("_"):
        public = module.lstrip("_")
        return public if public in sys.stdlib_module_names - _SKIPPED else None
    return None if any(part.startswith("_") for part in module.split(".")) else module


def _parsed(file: Path, module: str) -> Iterator[Document]:
    name = _public_name(module)
    if name is None:
        return
    tree = ast.parse(file.read_bytes())
    yield from _document(name, "", ast.get_docstring(tree), "module")
    for node in tree.body:
        if isinstance(node, _Definition) and not node.name.startswith("_"):
            yield from _defined(node, f"{name}.{node.name}")


def _defined(node: _Definition, name: str) -> Iterator[Document]:
    if isinstance(node, ast.ClassDef):
        yield from _document(name, "", ast.get_docstring(node), "class")
    else:
        signature = f"({ast.unparse(node.args)})"
        yield from _document(name, signature, ast.get_docstring(node), "function")


def _imported(module: str) -> Iterator[Document]:
    name = _public_name(module)
    if name is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = import_module(module)
        except ImportError:
            return
        yield from _document(name, "", inspect.getdoc(found), "module")
        yield from _members(found, name)


def _members(owner: ModuleType | type, name: str) -> Iterator[Document]:
    for key, value in sorted(vars(owner).items()):
        if key.startswith("_"):
            continue
        documentation = inspect.getdoc(value)
        if isinstance(value, type):
            yield from _document(f"{name}.{key}", "", documentation, "class")
            if owner is builtins:
                yield from _members(value, f"{name}.{key}")
        elif inspect.isroutine(value):
            yield from _document(f"{name}.{key}", _signature(value), documentation, "function")


def _signature(value: object) -> str:
    try:
        return str(inspect.signature(value))  # type: ignore[arg-type]
    except (AttributeError, NameError, TypeError, ValueError):  # not every C signature parses
        return ""


def _document(
    name: str, signature: str, documentation: str | None, kind: str
) -> Iterator[Document]:
    if documentation:
        metadata = {"kind": kind, "module": name.partition(".")[0]}
        text = f"{name}{signature}\n{_beginning(documentation)}"
        yield Document(id=name, text=text, metadata=metadata)


def _beginning(documentation: str) -> str:
    """Return the first paragraphs, up to about MAX_CHARACTERS."""
    kept = ""
    for paragraph in documentation.split("\n\n"):
        if kept and len(kept) + len(paragraph) > MAX_CHARACTERS:
            break
        kept += ("\n\n" if kept else "") + paragraph
    return kept[: 2 * MAX_CHARACTERS]
