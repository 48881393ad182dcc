from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from splade_sdk.types import Explanation, Leg, Place, TermMatch
from splade_sdk.types.explanation_parts import highlights, notes

EVIL = "<script>document.title='evil'</script> & <img src=x onerror=alert(1)>"


def match(
    term: str,
    contribution: float,
    *places: tuple[int, int],
    index: int = 0,
    query_word: str | None = None,
    document_word: str | None = None,
    in_query: bool | None = True,
    in_document: bool | None = True,
) -> TermMatch:
    return TermMatch(
        index=index or hash(term) % 1000,
        term=term,
        query_weight=1.0,
        document_weight=contribution,
        contribution=contribution,
        in_query=in_query,
        in_document=in_document,
        query_word=query_word,
        document_word=document_word,
        places=tuple(Place(*place, *place) for place in places),
    )


def explanation(*terms: TermMatch, text: str = "heart attack", **given: object) -> Explanation:
    made = {"query": "q", "document_id": "d", "score": 6.0, **given}
    return Explanation(text=text, terms=terms, **made)  # type: ignore[arg-type]


class TestWords:
    def test_pieces_of_a_word_of_the_query_are_joined(self) -> None:
        found = explanation(
            match("heart", 2.5),
            match("electro", 2.0, query_word="electrography", document_word="electron"),
            match("##graphy", 1.0, query_word="electrography"),
        ).words()
        assert [(word.word, word.contribution) for word in found] == [
            ("electrography", 3.0),
            ("heart", 2.5),
        ]
        assert [term.term for term in found[0].terms] == ["electro", "##graphy"]

    def test_or_of_the_document(self) -> None:
        (word,) = explanation(
            match("electro", 2.0, document_word="electron", in_query=False),
            match("##n", 1.0, document_word="electron", in_query=False),
        ).words()
        assert (word.word, word.contribution) == ("electron", 3.0)

    def test_pieces_that_stand_nowhere_are_told_as_pieces(self) -> None:
        (word,) = explanation(match("##ing", 1.0, in_query=False, in_document=False)).words()
        assert word.word == "…ing"


class TestHighlights:
    def test_strengths_are_shares_of_the_strongest_word(self) -> None:
        first, second = highlights(
            explanation(
                match("heart", 2.0, (0, 5)),
                match("cardiac", 1.0, (0, 5), in_document=False),
                match("attack", 1.5, (6, 12)),
            )
        )
        assert (first.start, first.end, first.contribution, first.strength) == (0, 5, 3.0, 1.0)
        assert first.terms == (("heart", 2.0), ("cardiac", 1.0))
        assert second.strength == 1.5 / 3.0

    @pytest.mark.parametrize(
        ("literal", "expanded", "exact"), [(2.0, 1.0, True), (1.0, 2.0, False)]
    )
    def test_the_larger_part_decides_the_colour(
        self, literal: float, expanded: float, exact: bool
    ) -> None:
        (word,) = highlights(
            explanation(
                match("heart", literal, (0, 5)),
                match("cardiac", expanded, (0, 5), in_document=False),
            )
        )
        assert word.exact is exact

    def test_a_term_of_several_words_counts_at_each(self) -> None:
        assert len(highlights(explanation(match("heart", 1.0, (0, 5), (6, 12))))) == 2


class TestNotes:
    def test_what_comes_from_no_word_is_said(self) -> None:
        made = explanation(match("heart", 2.0, (0, 5)), match("the", 0.5))
        assert notes(made) == [
            "0.50 of the score comes from the text as a whole, not from one word."
        ]

    def test_but_not_where_nothing_is_known(self) -> None:
        assert notes(explanation(match("heart", 2.0), match("the", 0.5))) == []

    def test_missing_terms_are_told_the_heaviest_eight(self) -> None:
        missing = tuple((f"t{at}", 9.0 - at) for at in range(10))
        (note,) = notes(explanation(missing=missing))
        assert note.startswith("Terms of the query that the document lacks: t0 9.00, ")
        assert note.endswith("t7 2.00 and 2 more.")


def printed(made: Explanation, width: int = 80) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as captured:
        console.print(made)
    return captured.get()


class TestTerminal:
    def test_it_shows_the_score_the_text_and_the_terms(self) -> None:
        made = explanation(
            match("heart", 4.0, (0, 5)),
            match("attack", 2.0, (6, 12), in_query=False),
            legs={"sparse": Leg(3, 6.0)},
        )
        head, text, columns, *rows = printed(made).splitlines()
        assert head.split() == [
            "d",
            "6.0000",
            "for",
            "'q'",
            "sparse:",
            "rank",
            "3,",
            "score",
            "6.0000",
        ]
        assert text.strip() == "heart attack"
        assert columns.split() == ["term", "query", "×", "document", "gives", "in"]
        assert rows[0].split() == ["heart", "1.00", "×", "4.00", "4.00", "both", "█" * 20]
        assert rows[1].split() == ["attack", "1.00", "×", "2.00", "2.00", "document", "█" * 10]

    def test_fused_scores_are_told_by_leg(self) -> None:
        made = explanation(
            legs={"sparse": Leg(1, 6.0), "dense": Leg(2, 0.5)},
            shares={"sparse": 1 / 61, "dense": 1 / 62},
            score=1 / 61 + 1 / 62,
        )
        told = (
            "sparse: rank 1, score 6.0000, gives 0.0164  dense: rank 2, score 0.5000, gives 0.0161"
        )
        assert told in printed(made, width=200)
        text = Elements(made.to_html()).text
        assert all(each in text for each in told.split("  "))

    def test_a_long_text_is_shown_where_it_matters(self) -> None:
        text = "word " * 400 + "heart attack" + " word" * 400
        made = explanation(match("heart", 4.0, (2000, 2005)), text=text)
        shown = printed(made)
        assert "heart attack" in shown
        assert shown.count("…") == 2
        assert len(shown) < 1200

    def test_many_terms_end_in_their_sum(self) -> None:
        terms = [match(f"t{at}", 1.0, index=at + 1) for at in range(20)]
        assert "5 more" in printed(explanation(*terms))
        assert printed(explanation(*terms)).split("5 more")[1].split()[0] == "5.00"

    def test_a_text_cannot_steer_the_terminal(self) -> None:
        shown = printed(explanation(match("[red]x", 1.0, (0, 1)), text="\x1b[31mred \x07[bold]b"))
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "[bold]b" in shown
        assert "[red]x" in shown

    def test_nothing_in_common(self) -> None:
        assert "no term is shared" in printed(explanation())
        assert "no term is shared" in str(explanation())


class Elements(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


class TestHtml:
    def test_words_are_marked_by_strength(self) -> None:
        made = explanation(match("heart", 4.0, (0, 5)), match("attack", 2.0, (6, 12)))
        found = Elements(made._repr_html_())
        marks = [attributes for tag, attributes in found.tags if tag == "mark"]
        alphas = [float(re.findall(r"[\d.]+\)", each["style"] or "")[0][:-1]) for each in marks]
        assert alphas == [0.55, pytest.approx(0.1 + 0.45 / 2, abs=0.01)]
        assert [each["title"] for each in marks] == ["4.00: heart 4.00", "2.00: attack 2.00"]

    @pytest.mark.parametrize("page", [False, True])
    def test_everything_is_escaped_and_nothing_is_loaded(self, page: bool) -> None:
        made = explanation(
            match(EVIL, 2.0, (0, 8), query_word=EVIL),
            match('"><b>', 1.0, (9, 12)),
            text=EVIL,
            query=EVIL,
            document_id=EVIL,
            missing=((EVIL, 1.0),),
            legs={EVIL: Leg(1, 2.0)},
            notes=(EVIL,),
        )
        html = made.to_html(page=page)
        found = Elements(html)
        assert {tag for tag, _ in found.tags} & {"script", "img", "link", "iframe"} == set()
        for _, attributes in found.tags:
            assert not {"src", "href", "onerror", "onload"} & attributes.keys()
        assert found.text.count("<script>document.title='evil'</script>") >= 5
        assert "http" not in html.lower()

    def test_long_lists_end_in_their_sum(self) -> None:
        terms = [match(f"t{at}", 1.0, index=at + 1) for at in range(30)]
        assert "5 more" in Elements(explanation(*terms).to_html()).text

    def test_nothing_in_common(self) -> None:
        assert "No term is shared." in explanation(query=None).to_html()


def test_json_values() -> None:
    made = explanation(match("heart", 4.0, (0, 5)), legs={"sparse": Leg(1, 6.0)})
    read = json.loads(json.dumps(made.to_dict()))
    assert read["total"] == 4.0
    assert read["terms"][0]["places"] == [[0, 5, 0, 5]]
    assert read["legs"] == {"sparse": {"rank": 1, "score": 6.0}}
