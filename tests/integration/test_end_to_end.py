"""The whole way with the real model: index, search, filter, reopen, delete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from splade_sdk import Document, Retriever, SpladeEncoder

pytestmark = pytest.mark.real_model

TEXTS = {
    "health": [
        "Chest pain and shortness of breath are common symptoms of a heart attack.",
        "High blood pressure raises the risk of stroke and kidney disease.",
        "Vaccines train the immune system to recognise a virus.",
        "Too much sugar in the diet can lead to diabetes.",
        "A fever is a body temperature above 38 degrees Celsius.",
        "Regular sleep improves memory and mood.",
    ],
    "cooking": [
        "Simmer the tomato sauce with basil and garlic for twenty minutes.",
        "Knead the bread dough until it is smooth, then let it rise.",
        "Whisk the eggs with milk before frying the omelette.",
        "Season the grilled fish with lemon and salt.",
        "Boil the pasta in plenty of salted water.",
        "Melt the chocolate slowly over hot water.",
    ],
    "space": [
        "Jupiter is the largest planet in the solar system.",
        "The moon orbits the earth every twenty-seven days.",
        "Astronauts aboard the station repaired a solar panel.",
        "A telescope collects light from distant galaxies.",
        "The rocket launched a satellite into orbit.",
        "Mars has two small moons and a thin atmosphere.",
    ],
    "computing": [
        "A compiler translates source code into machine instructions.",
        "The database stores rows in tables and answers queries.",
        "Encryption protects passwords against theft.",
        "A neural network learns weights from training examples.",
        "The operating system schedules processes on the processor.",
        "Sorting a list of numbers takes n log n comparisons.",
    ],
    "law": [
        "The court dismissed the appeal for lack of evidence.",
        "A tenant must pay the rent on the first day of the month.",
        "The contract was signed by both parties in the presence of a notary.",
        "Copyright protects the author of a book for decades.",
        "The jury found the defendant guilty of fraud.",
        "Parliament passed a law on data protection.",
    ],
}
DOCUMENTS = [
    Document(f"{topic}-{at}", text, {"topic": topic, "number": at})
    for topic, texts in TEXTS.items()
    for at, text in enumerate(texts)
]


@pytest.fixture(scope="module")
def encoder() -> SpladeEncoder:
    return SpladeEncoder(device="cpu")


@pytest.fixture
def index(tmp_path: Path, encoder: SpladeEncoder) -> Path:
    path = tmp_path / "index"
    with Retriever(path=path, encoder=encoder) as retriever:
        report = retriever.upsert((document for document in DOCUMENTS), batch_size=8)
        assert (report.stored, report.empty, report.failed) == (len(DOCUMENTS), 0, ())
    return path


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("symptoms of a heart attack", "health-0"),
        ("what is the biggest planet?", "space-0"),
        ("how to make bread", "cooking-1"),
        ("translate code to machine language", "computing-0"),
        ("jury verdict", "law-4"),
    ],
)
def test_the_right_document_comes_first(
    index: Path, encoder: SpladeEncoder, query: str, wanted: str
) -> None:
    with Retriever(path=index, encoder=encoder) as retriever:
        hits = retriever.search(query, limit=3)
    assert hits[0].id == wanted
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_engine_scores_what_the_vectors_say(index: Path, encoder: SpladeEncoder) -> None:
    query = encoder.encode_query("symptoms of a heart attack")
    with Retriever(path=index, encoder=encoder) as retriever:
        for hit in retriever.search(query, limit=30, with_vectors=True):
            assert hit.vector is not None
            assert hit.score == pytest.approx(query.dot(hit.vector), rel=1e-4)
            assert hit.vector.dot(encoder.encode_document(hit.text)) == pytest.approx(
                hit.vector.dot(hit.vector), rel=1e-4
            )


def test_a_related_word_finds_what_has_no_word_of_the_query(
    index: Path, encoder: SpladeEncoder
) -> None:
    query = "largest"
    assert encoder.encode_query(query).dot(encoder.encode_document("big")) > 0
    with Retriever(path=index, encoder=encoder) as retriever:
        assert retriever.search(query, limit=1)[0].id == "space-0"


def test_filters_hold(index: Path, encoder: SpladeEncoder) -> None:
    with Retriever(path=index, encoder=encoder) as retriever:
        hits = retriever.search("water", filter={"topic": "cooking"}, limit=30)
        assert hits
        assert {hit.metadata["topic"] for hit in hits} == {"cooking"}
        assert retriever.count({"topic": "law"}) == 6


def test_deleted_documents_are_gone_after_reopening(index: Path, encoder: SpladeEncoder) -> None:
    with Retriever(path=index, encoder=encoder) as retriever:
        retriever.delete("health-0")
        retriever.delete(filter={"topic": "law"})
    with Retriever(path=index, encoder=encoder) as retriever:
        assert retriever.count() == 30 - 1 - 6
        assert retriever.get("health-0") is None
        assert "health-0" not in [hit.id for hit in retriever.search("heart attack", limit=30)]


def test_updated_documents_are_found_by_their_new_text(index: Path, encoder: SpladeEncoder) -> None:
    with Retriever(path=index, encoder=encoder) as retriever:
        retriever.upsert([Document("space-0", "Penguins live in Antarctica.", {"topic": "zoo"})])
    with Retriever(path=index, encoder=encoder) as retriever:
        assert retriever.count() == 30
        assert retriever.search("penguins", limit=1)[0].id == "space-0"
        assert retriever.search("planet Jupiter", limit=1)[0].id != "space-0"


def test_optimizing_changes_no_answer(index: Path, encoder: SpladeEncoder) -> None:
    queries = ["heart attack", "solar system", "bread dough"]
    with Retriever(path=index, encoder=encoder) as retriever:
        before = retriever.search_batch(queries)
        retriever.optimize()
        after = retriever.search_batch(queries)
    for old, new in zip(before, after, strict=True):
        assert [hit.id for hit in new] == [hit.id for hit in old]
        assert [hit.score for hit in new] == pytest.approx([hit.score for hit in old], rel=1e-5)


def test_the_command_line_does_the_same(tmp_path: Path) -> None:
    corpus = tmp_path / "docs.jsonl"
    rows = [{"id": d.id, "text": d.text, **d.metadata} for d in DOCUMENTS]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = [sys.executable, "-c", "from splade_sdk.cli.main import run; run()"]
    index = [*run, "index", str(corpus), "--index", str(tmp_path / "idx")]
    indexed = subprocess.run(index, capture_output=True, text=True, check=False)
    assert (indexed.returncode, indexed.stderr) == (0, "")
    assert indexed.stdout.startswith("30 documents stored, 30 in documents")
    search = [*run, "search", "how to make bread", "--index", str(tmp_path / "idx"), "--json"]
    found = subprocess.run(search, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout)[0]["id"] == "cooking-1"
