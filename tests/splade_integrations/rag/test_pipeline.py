"""From documents to answers, over the engines there are, with chat models of our own."""

from __future__ import annotations

from typing import Any

import pytest

from splade_integrations.rag import (
    INDEXED_FIELDS,
    ChunkSettings,
    ContextSettings,
    Message,
    QuotingChat,
    RagPipeline,
)
from splade_sdk.config import CollectionSettings
from splade_sdk.errors import (
    CollectionNotFoundError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidTypeError,
)
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseVector
from tests.splade_integrations.conftest import MakeRetriever
from tests.unit.fakes import LetterEncoder, WordEncoder

HEART = Document(
    "heart",
    "A heart attack is an emergency. Its signs are pain in the chest and cold sweat.\n\n"
    "Call an ambulance at once. Do not drive to the hospital yourself.",
    {"title": "Heart attacks", "year": 2024, "tags": ["health"]},
)
GARDEN = Document(
    "garden",
    "Tomatoes need warmth. Signs of too much water are yellow leaves.",
    {"year": 2020},
)
SMALL = ChunkSettings(max_characters=60, overlap_characters=0)


class Recorder:
    """Answers always the same, and keeps what it was asked."""

    def __init__(self, answer: str = "Pain [1].") -> None:
        self.answer = answer
        self.asked: list[list[Message]] = []

    def __call__(self, messages: list[Message]) -> str:
        self.asked.append(messages)
        return self.answer


@pytest.fixture
def retriever(make_retriever: MakeRetriever) -> Retriever:
    return make_retriever(settings=CollectionSettings(indexed_fields=INDEXED_FIELDS))


def stored(retriever: Retriever) -> dict[str, str]:
    return {each.id: each.text for each in retriever.documents()}


class TestAdding:
    def test_documents_are_stored_in_passages(self, retriever: Retriever) -> None:
        report = RagPipeline(retriever, Recorder(), chunks=SMALL).add([HEART, GARDEN])
        assert report.stored == 6
        assert stored(retriever) == {
            "heart#0": "A heart attack is an emergency.",
            "heart#1": "Its signs are pain in the chest and cold sweat.",
            "heart#2": "Call an ambulance at once.",
            "heart#3": "Do not drive to the hospital yourself.",
            "garden#0": "Tomatoes need warmth.",
            "garden#1": "Signs of too much water are yellow leaves.",
        }

    def test_adding_again_writes_nothing(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, Recorder(), chunks=SMALL)
        rag.add([HEART, GARDEN])
        report = rag.add([HEART, GARDEN])
        assert (report.stored, report.skipped) == (0, 6)

    def test_a_document_that_became_shorter_leaves_nothing_behind(
        self, retriever: Retriever
    ) -> None:
        rag = RagPipeline(retriever, Recorder(), chunks=SMALL)
        rag.add([HEART, GARDEN])
        rag.add([Document("heart", "Its signs are pain."), Document("garden", " ")])
        assert stored(retriever) == {"heart#0": "Its signs are pain."}

    def test_more_documents_than_a_batch(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, Recorder())
        report = rag.add(Document(f"d{n}", f"text {n}") for n in range(150))
        assert report.stored == retriever.count() == 150

    def test_ids_with_dots_and_signs_are_no_trouble(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, QuotingChat())
        rag.add([Document("a.b/c#1 \u00fc", "One heart."), Document("a.b/c", "Another heart.")])
        assert {p.document_id for p in rag.search("heart")} == {"a.b/c#1 \u00fc", "a.b/c"}
        rag.remove("a.b/c")
        assert [p.document_id for p in rag.search("heart")] == ["a.b/c#1 \u00fc"]

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            (Document("a", "x", vector=SparseVector.empty(5)), "ready-made vector"),
            (Document("a", "x", {"_rag": 1}), "name it otherwise"),
        ],
    )
    def test_what_passages_cannot_keep_is_refused(
        self, retriever: Retriever, document: Document, told: str
    ) -> None:
        with pytest.raises(InvalidDocumentError, match=told):
            RagPipeline(retriever, Recorder()).add([document])

    def test_removing(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, Recorder(), chunks=SMALL)
        rag.add([HEART, GARDEN])
        rag.remove([])
        rag.remove(["heart", "nothing"])
        assert set(stored(retriever)) == {"garden#0", "garden#1"}


class TestSearching:
    def test_passages_know_their_place(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, Recorder(), chunks=SMALL)
        rag.add([HEART, GARDEN])
        [found] = rag.search("chest pain")
        assert HEART.text[found.start : found.end] == found.text
        assert found.text == "Its signs are pain in the chest and cold sweat."
        assert (found.document_id, found.metadata) == ("heart", HEART.metadata)
        assert found.score == 2.0

    def test_the_best_passages_of_the_best_documents(self, retriever: Retriever) -> None:
        rag = RagPipeline(
            retriever, Recorder(), chunks=SMALL, context=ContextSettings(documents=1, passages=2)
        )
        rag.add([HEART, GARDEN])
        found = rag.search("signs pain chest hospital")
        assert [each.text for each in found] == [
            "Its signs are pain in the chest and cold sweat.",
            "Do not drive to the hospital yourself.",
        ]

    def test_neighbours_become_one_passage(self, retriever: Retriever) -> None:
        overlapping = ChunkSettings(max_characters=90, overlap_characters=60)
        rag = RagPipeline(retriever, Recorder(), chunks=overlapping)
        rag.add([HEART])
        [found] = rag.search("pain ambulance hospital emergency")
        assert found.text == HEART.text

    def test_filters_are_those_of_the_documents(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, Recorder(), chunks=SMALL)
        rag.add([HEART, GARDEN])
        found = rag.search("signs", filter={"year": {"lt": 2022}})
        assert [each.document_id for each in found] == ["garden"]
        with pytest.raises(InvalidFilterError):
            rag.search("signs", filter={"year": {"before": 2022}})

    def test_hybrid_search(self, make_retriever: MakeRetriever) -> None:
        made = make_retriever(WordEncoder(), dense_encoder=LetterEncoder())
        rag = RagPipeline(made, Recorder())
        rag.add([Document("letters", "ooo"), Document("words", "word aaa")])
        assert [each.document_id for each in rag.search("word o")] == ["words", "letters"]
        sparse = RagPipeline(made, Recorder(), mode="sparse")
        assert [each.document_id for each in sparse.search("word o")] == ["words"]

    def test_before_anything_was_added(self, retriever: Retriever) -> None:
        with pytest.raises(CollectionNotFoundError):
            RagPipeline(retriever, Recorder()).search("signs")


class TestAsking:
    def test_the_chat_model_reads_numbered_passages(self, retriever: Retriever) -> None:
        chat = Recorder("Pain in the chest [1], yellow leaves [2], fever [7].")
        rag = RagPipeline(retriever, chat, chunks=SMALL)
        rag.add([HEART, GARDEN])
        answer = rag.ask("Which signs are pain?")
        [[system, user]] = chat.asked
        assert "in square brackets" in system["content"]
        # Each document's passages are in reading order; "are" occurs in both.
        assert user["content"] == (
            "Passages:\n\n"
            "[1] Heart attacks\nIts signs are pain in the chest and cold sweat.\n\n"
            "[2] garden\nSigns of too much water are yellow leaves.\n\n"
            "Question: Which signs are pain?"
        )
        assert [(c.number, c.passage.document_id) for c in answer.citations] == [
            (1, "heart"),
            (2, "garden"),
        ]
        assert answer.unknown_numbers == (7,)
        assert len(answer.passages) == 2

    def test_where_nothing_is_found_no_model_is_asked(self, retriever: Retriever) -> None:
        chat = Recorder()
        rag = RagPipeline(retriever, chat)
        rag.add([GARDEN])
        for question in ("astronomy", ""):
            answer = rag.ask(question)
            assert (answer.citations, answer.passages) == ((), ())
            assert "No passage was found" in answer.text
        assert chat.asked == []

    def test_what_the_model_raises_comes_through(self, retriever: Retriever) -> None:
        def broken(messages: list[Message]) -> str:
            raise TimeoutError("no answer")

        rag = RagPipeline(retriever, broken)
        rag.add([GARDEN])
        with pytest.raises(TimeoutError, match="no answer"):
            rag.ask("tomatoes")

    def test_a_chat_that_cannot_be_called_is_refused(self, retriever: Retriever) -> None:
        given: Any = "gpt"
        with pytest.raises(InvalidTypeError, match="'gpt': expected a function"):
            RagPipeline(retriever, given)


class TestQuoting:
    def test_it_quotes_the_sentences_that_share_most_with_the_question(
        self, retriever: Retriever
    ) -> None:
        rag = RagPipeline(retriever, QuotingChat(quotes=1), chunks=SMALL)
        rag.add([HEART, GARDEN])
        answer = rag.ask("What are the signs of a heart attack, such as pain in the chest?")
        assert answer.text == "\u201cIts signs are pain in the chest and cold sweat.\u201d [2]"
        [citation] = answer.citations
        assert citation.passage.text in HEART.text

    def test_it_quotes_several_passages_each_once(self, retriever: Retriever) -> None:
        rag = RagPipeline(retriever, QuotingChat())
        rag.add([HEART, GARDEN])
        answer = rag.ask("signs")
        assert sorted(c.passage.document_id for c in answer.citations) == ["garden", "heart"]

    def test_without_a_shared_word_it_quotes_the_best_passage(self) -> None:
        content = "Passages:\n\n[1] a\nOne.\n\n[2] b\nTwo.\n\nQuestion: Why?"
        assert QuotingChat()([{"role": "user", "content": content}]) == "\u201cOne.\u201d [1]"

    def test_brackets_in_passages_are_not_taken_for_numbers(self) -> None:
        content = "Passages:\n\n[1] a\nSee [2] there.\n[3] x heart\n\nQuestion: heart?"
        said = QuotingChat()([{"role": "user", "content": content}])
        assert said.endswith("[1]")


@pytest.mark.real_model
def test_with_the_default_model() -> None:
    with Retriever(":memory:") as retriever:
        rag = RagPipeline(retriever, QuotingChat(quotes=1), chunks=SMALL)
        rag.add([HEART, GARDEN])
        answer = rag.ask("symptoms of cardiac arrest")
        assert answer.citations[0].passage.document_id == "heart"
