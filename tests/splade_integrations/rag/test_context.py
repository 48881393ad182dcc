"""What a chat model gets to read, and what is read from its answer."""

from __future__ import annotations

from typing import Any

import pytest

from splade_integrations.rag import Answer, ContextSettings, Passage
from splade_integrations.rag.answer import Citation, read_answer
from splade_integrations.rag.context import choose, messages


def passage(document: str, start: int, text: str, **metadata: Any) -> Passage:
    return Passage(document, start, start + len(text), text, metadata)


def shown(passages: list[Passage]) -> list[tuple[str, int, str]]:
    return [(each.document_id, each.start, each.text) for each in passages]


class TestChoosing:
    def test_documents_keep_their_order_and_passages_read_on(self) -> None:
        groups = [[passage("b", 50, "two"), passage("b", 10, "one")], [passage("a", 0, "three")]]
        assert shown(choose(groups, ContextSettings())) == [
            ("b", 10, "one"),
            ("b", 50, "two"),
            ("a", 0, "three"),
        ]

    def test_every_document_gets_its_best_before_any_gets_more(self) -> None:
        groups = [[passage("a", 0, "12345"), passage("a", 9, "678")], [passage("b", 0, "abcde")]]
        # Of 12 characters the two best take 5 + 5; 3 more do not fit into the 2 that are left.
        assert shown(choose(groups, ContextSettings(max_characters=12))) == [
            ("a", 0, "12345"),
            ("b", 0, "abcde"),
        ]

    def test_a_passage_that_does_not_fit_makes_room_for_shorter_ones(self) -> None:
        groups = [[passage("a", 0, "1234567")], [passage("b", 0, "abc")]]
        assert shown(choose(groups, ContextSettings(max_characters=5))) == [("b", 0, "abc")]

    def test_passages_that_overlap_become_one(self) -> None:
        text = "One. Two. Three."
        groups = [[passage("a", 5, text[5:16]), passage("a", 0, text[:9])]]
        assert choose(groups, ContextSettings()) == [passage("a", 0, text)]

    def test_one_within_another_adds_nothing(self) -> None:
        groups = [[passage("a", 0, "One. Two."), passage("a", 0, "One.")]]
        assert choose(groups, ContextSettings()) == [passage("a", 0, "One. Two.")]

    def test_nothing_found_is_nothing_chosen(self) -> None:
        assert choose([], ContextSettings()) == []


class TestMessages:
    def test_passages_are_numbered_and_named(self) -> None:
        passages = [passage("a", 0, "One."), passage("b", 0, "Two.", title="The \n title")]
        system, user = messages("Why?", passages, ContextSettings())
        assert system["role"] == "system"
        assert "[1]" in system["content"]
        assert user == {
            "role": "user",
            "content": "Passages:\n\n[1] a\nOne.\n\n[2] The title\nTwo.\n\nQuestion: Why?",
        }

    def test_instructions_and_title_can_be_others(self) -> None:
        settings = ContextSettings(instructions="Antworte.", title_field="name")
        system, user = messages("Warum?", [passage("a", 0, "Eins.", name="N")], settings)
        assert system["content"] == "Antworte."
        assert "[1] N\nEins." in user["content"]


class TestReadingAnswers:
    passages = (passage("a", 0, "One."), passage("b", 0, "Two."), passage("c", 0, "Three."))

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("No citation.", []),
            ("It is so [2].", [2]),
            ("It is so [3][1], and so [3].", [3, 1]),
            ("It is so [1, 3; 2].", [1, 3, 2]),
            ("A list[0] of [x], [1-2] and [^1].", []),
        ],
    )
    def test_citations_come_in_the_order_of_their_mention(
        self, text: str, numbers: list[int]
    ) -> None:
        answer = read_answer(text, self.passages)
        assert [citation.number for citation in answer.citations] == numbers
        assert [c.passage for c in answer.citations] == [self.passages[n - 1] for n in numbers]

    def test_numbers_made_up_are_told(self) -> None:
        answer = read_answer("So [4], so [1] and so [0].", self.passages)
        assert answer == Answer(
            "So [4], so [1] and so [0].",
            (Citation(1, self.passages[0]),),
            self.passages,
            (4, 0),
        )
