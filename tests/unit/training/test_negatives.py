import pytest

from splade_sdk import Document, Retriever
from splade_sdk.errors import ConfigError, InvalidDataError
from splade_sdk.training.data import Example, open_source
from splade_sdk.training.negatives import MiningReport, mine_negatives
from splade_sdk.types import Hit
from tests.unit.fakes import WordEncoder
from tests.unit.training.test_teachers import Lookup


class Ranking:
    """Finds the same hits for every query: scores 10, 9, 8, ..."""

    def __init__(self, *texts, dies_at=None):
        self.texts = texts
        self.dies_at = dies_at
        self.calls = []

    def search_batch(self, queries, *, limit):
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(list(queries))
        hits = [Hit(str(at), 10.0 - at, text) for at, text in enumerate(self.texts)][:limit]
        return [hits for _ in queries]


def mined(retriever, pairs, tmp_path, **options):
    options = {"rank_range": (1, 10), **options}
    report = mine_negatives(retriever, pairs, tmp_path / "mined.jsonl", **options)
    source = open_source(tmp_path / "mined.jsonl")
    return [source[at] for at in range(len(source))], report


def test_takes_hits_in_the_range_of_ranks(tmp_path):
    examples, report = mined(
        Ranking(*"abcdef"), [Example("q", ("p",))], tmp_path, rank_range=(2, 4)
    )

    assert examples == [Example("q", ("p", "b", "c", "d"))]
    assert report == MiningReport(examples=1, resumed=0, negatives=3, without=0)


def test_leaves_out_answers_the_query_and_copies(tmp_path):
    pairs = [Example("Who?", ("p", "old"), None, ("also",)), Example("Who?", ("other",))]
    retriever = Ranking("P ", "also", "other", "who?", "a", "A", "old", "b")

    examples, _ = mined(retriever, pairs, tmp_path)

    assert examples[0] == Example("Who?", ("p", "old", "a", "b"))
    assert examples[1] == Example("Who?", ("other", "a", "old", "b"))


def test_keeps_a_margin_to_the_positive(tmp_path):
    # The positive scores 8; with a margin of 2, a negative scores at most 6.
    examples, _ = mined(
        Ranking("a", "b", "p", "c", "d"), [Example("q", ("p",))], tmp_path, margin=2
    )

    assert examples == [Example("q", ("p", "d"))]


def test_a_positive_that_is_not_found_counts_as_the_last_hit(tmp_path):
    examples, report = mined(Ranking("a", "b", "c"), [Example("q", ("p",))], tmp_path, margin=0)

    assert examples == [Example("q", ("p", "c"))]
    assert report.without == 0


def test_the_teacher_sorts_out_false_negatives(tmp_path):
    teacher = Lookup({"p": 5.0, "a": 9.0, "b": 4.5, "c": 1.0})

    examples, _ = mined(
        Ranking("a", "b", "c"),
        [Example("q", ("p",))],
        tmp_path,
        teacher=teacher,
        teacher_margin=1.0,
    )

    # at most 5 - 1
    assert examples == [Example("q", ("p", "c"), (5.0, 1.0))]


def test_draws_by_seed_and_query_alone(tmp_path):
    texts = [f"t{at}" for at in range(30)]
    pairs = [Example(f"q{at}", ("p",)) for at in range(4)]

    def run(name, pairs, **options):
        (tmp_path / name).mkdir()
        return mined(
            Ranking(*texts), pairs, tmp_path / name, rank_range=(1, 30), per_query=3, **options
        )[0]

    first = run("1", pairs)
    assert all(len(example.documents) == 1 + 3 for example in first)
    assert all(
        example.documents[1:] == tuple(sorted(example.documents[1:], key=texts.index))
        for example in first
    )
    assert len({example.documents for example in first}) == 4
    assert run("2", pairs[::-1], batch_size=1) == first[::-1]
    assert run("3", pairs, seed=1) != first


def test_goes_on_after_a_kill(tmp_path):
    pairs = [Example(f"q{at}", ("p",)) for at in range(5)]
    output = tmp_path / "mined.jsonl"
    with pytest.raises(KeyboardInterrupt):
        mine_negatives(Ranking("a", dies_at=1), pairs, output, rank_range=(1, 5), batch_size=2)

    retriever = Ranking("a")
    report = mine_negatives(retriever, pairs, output, rank_range=(1, 5), batch_size=2)

    assert retriever.calls == [["q2", "q3"], ["q4"]]
    assert report == MiningReport(examples=5, resumed=2, negatives=3, without=0)
    assert len(open_source(output)) == 5


def test_counts_examples_without_negatives(tmp_path):
    examples, report = mined(Ranking("p"), [Example("q", ("p",))], tmp_path)

    assert examples == [Example("q", ("p",))]
    assert report.without == 1


def test_mines_from_a_retriever(tmp_path):
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        retriever.upsert(
            [
                Document("1", "red car"),
                Document("2", "red red bus"),
                Document("3", "blue car"),
                Document("4", "green plane"),
            ]
        )
        examples, _ = mined(retriever, [Example("red car", ("a red car here",))], tmp_path)

    # "red car" is the query itself; the hits of equal score are ordered by id
    assert examples[0].documents[0] == "a red car here"
    assert set(examples[0].documents[1:]) == {"red red bus", "blue car"}


def test_needs_texts(tmp_path):
    with pytest.raises(InvalidDataError, match="the hit '0' has no text"):
        mined(Ranking(""), [Example("q", ("p",))], tmp_path)


@pytest.mark.parametrize(
    "options", [{"rank_range": (0, 5)}, {"rank_range": (6, 5)}, {"per_query": 0}, {"batch_size": 0}]
)
def test_refuses_what_is_out_of_range(tmp_path, options):
    with pytest.raises(ConfigError, match="expected 1 <= first rank"):
        mined(Ranking("a"), [Example("q", ("p",))], tmp_path, **options)
