"""A test collection small enough to score by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DOCUMENTS = [
    {"_id": "d1", "title": "Hearts", "text": "heart attack heart"},
    {"_id": "d2", "title": "", "text": "lung cancer"},
    {"_id": "d3", "text": "heart lung"},
    {"_id": "d4", "title": "Nothing", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "heart"},
    {"_id": "q2", "text": "cancer lung"},
    {"_id": "q3", "text": "unjudged"},
    {"_id": "q4", "text": "absent"},
]
QRELS = [("q1", "d3", 1), ("q1", "d9", 1), ("q2", "d2", 1), ("q4", "d4", 1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a dataset's folder that the test may write into."""
    made = tmp_path / "tiny"
    (made / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", DOCUMENTS), ("queries", QUERIES)):
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in QRELS)]
    (made / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return made
