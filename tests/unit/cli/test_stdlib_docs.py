from __future__ import annotations

import subprocess
import sys

import pytest

from splade_sdk.cli.stdlib_docs import MAX_CHARACTERS, stdlib_documents
from splade_sdk.types import Document


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return {document.id: document for document in stdlib_documents()}


def test_thousands_of_documents_with_distinct_ids(documents: dict[str, Document]) -> None:
    assert len(documents) > 2500
    assert len(documents) == len(list(stdlib_documents()))


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("csv", "module", "CSV"),  # a Python module
        ("heapq.nlargest", "function", "Find the n largest elements"),  # Python, with a C twin
        ("tempfile.TemporaryDirectory", "class", "temporary directory"),
        ("os.path.join", "function", "Join two or more pathname components"),  # posixpath
        ("math.gcd", "function", "Greatest Common Divisor"),  # C
        ("os.listdir", "function", "names of the files in the directory"),  # posix, in C
        ("collections.deque", "class", "list-like"),  # _collections, in C
        ("builtins.str.split", "function", "separator"),  # a method of a builtin class
    ],
)
def test_names_are_those_users_know(
    documents: dict[str, Document], name: str, kind: str, told: str
) -> None:
    document = documents[name]
    assert document.text.startswith(name)
    assert told in document.text
    assert document.metadata == {"kind": kind, "module": name.split(".")[0]}


def test_private_names_and_skipped_modules_stay_out(documents: dict[str, Document]) -> None:
    modules = {document.metadata["module"] for document in documents.values()}
    assert not modules & {"test", "idlelib", "this", "antigravity", "lib2to3", "tkinter"}
    assert not [name for name in documents if any(p.startswith("_") for p in name.split("."))]


def test_methods_come_of_built_in_types_alone(documents: dict[str, Document]) -> None:
    assert "pathlib.Path" in documents
    assert "pathlib.Path.rglob" not in documents


def test_texts_are_short(documents: dict[str, Document]) -> None:
    # The name and signature come on top of the documentation's first paragraphs.
    assert all(len(d.text.partition("\n")[2]) <= 2 * MAX_CHARACTERS for d in documents.values())


def test_reading_imports_no_python_module_of_the_library() -> None:
    code = (
        "import sys, splade_sdk.cli.stdlib_docs as docs; list(docs.stdlib_documents());"
        "print({'antigravity', 'this', 'idlelib', 'turtle', 'cgi', 'mailbox'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
    assert ran.stderr == ""
