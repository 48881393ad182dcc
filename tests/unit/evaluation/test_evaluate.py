import json
from dataclasses import replace
from math import log2
from pathlib import Path

import pytest

from splade_sdk.config import CollectionSettings
from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import ConfigError, InvalidDataError, InvalidTypeError
from splade_sdk.evaluation.runner import evaluate, evaluate_run
from splade_sdk.retrieval.retriever import Retriever
from tests.unit.fakes import WordEncoder


@pytest.fixture
def dataset(folder: Path) -> BeirDataset:
    return load_dataset(folder)


@pytest.mark.parametrize("engine", ["embedded", "memory"])
def test_metrics_of_a_ranking_that_is_known(dataset: BeirDataset, engine: str) -> None:
    if engine == "embedded":
        pytest.importorskip("qdrant_edge")
    report = evaluate(WordEncoder(), dataset, engine=engine)
    # q1 "heart": d1 scores 2, d3 scores 1; relevant are d3 and d9, which does not exist.
    # q2 "cancer lung": d2 scores 2, d3 scores 1; relevant is d2. q4 "absent": nothing found.
    ndcg = (1 / log2(1 + 2)) / (1 / log2(1 + 1) + 1 / log2(1 + 2))
    assert report.per_query == {
        "q1": {"nDCG@10": pytest.approx(ndcg), "RR@10": 1 / 2, "R@100": 1 / 2},
        "q2": {"nDCG@10": 1.0, "RR@10": 1.0, "R@100": 1.0},
        "q4": {"nDCG@10": 0.0, "RR@10": 0.0, "R@100": 0.0},
    }
    assert report.metrics["RR@10"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert report.engine == engine


def test_counts_and_costs(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder(), dataset, engine="memory", metrics=["AP"])
    # documents: hearts heart attack | lung cancer | heart lung | nothing
    assert report.documents is not None
    assert (report.documents.texts, report.documents.active_dims) == (4, (3 + 2 + 2 + 1) / 4)
    assert (report.queries.texts, report.queries.active_dims) == (3, (1 + 2 + 1) / 3)
    # heart 1/3 * 2/4 + cancer 1/3 * 1/4 + lung 1/3 * 2/4 + absent 1/3 * 0/4
    assert report.flops == pytest.approx((2 + 1 + 2 + 0) / 12)
    assert report.relevant_missing == 1  # d9
    assert 0 < report.search_p50_ms <= report.search_p95_ms
    assert report.documents.texts_per_s == report.documents.texts / report.documents.encode_s


def test_seconds_are_told_by_what_they_went_into(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder(), dataset, engine="memory")
    assert report.documents is not None
    spent = report.seconds
    assert spent.encode == pytest.approx(report.queries.encode_s + report.documents.encode_s)
    assert min(spent.encode, spent.index, spent.search, spent.metrics, spent.other) > 0
    parts = (spent.encode, spent.index, spent.search, spent.metrics, spent.other)
    assert spent.total == pytest.approx(sum(parts))


def test_lengths_are_counted(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder(), dataset, engine="memory")
    # documents: hearts heart attack | lung cancer | heart lung | nothing
    assert report.documents is not None
    assert report.documents.lengths == {1: 1, 2: 2, 3: 1}
    assert report.queries.lengths == {1: 2, 2: 1}


def test_the_engines_files_are_measured(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    embedded = evaluate(WordEncoder(), dataset)
    assert embedded.index_bytes is not None
    # Its files have holes of many megabytes; four short documents occupy little.
    assert 1_000 < embedded.index_bytes < 5_000_000
    assert evaluate(WordEncoder(), dataset, engine="memory").index_bytes is None


def test_weights_can_be_kept_in_fewer_bits(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    report = evaluate(WordEncoder(), dataset, settings=CollectionSettings(datatype="uint8"))
    assert report.metrics["RR@10"] == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_hits_that_are_there_already_are_scored_alike(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder("words"), dataset, engine="memory")
    shuffled = {query_id: hits[::-1] for query_id, hits in report.run.items()}
    judged = evaluate_run(shuffled, dataset, name="words")
    assert judged.per_query == report.per_query
    assert judged.run == report.run
    assert evaluate_run({}, dataset, name="none").metrics["RR@10"] == 0.0
    with pytest.raises(ConfigError, match="looks at 100 hits"):
        evaluate_run({}, dataset, name="none", limit=10)


def test_only_judged_queries_are_encoded(dataset: BeirDataset) -> None:
    encoder = WordEncoder()
    evaluate(encoder, dataset, engine="memory")
    assert encoder.calls[0] == ["heart", "cancer lung", "absent"]


def test_report_is_json(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder("my model"), dataset, engine="memory")
    told = json.loads(json.dumps(report.to_dict()))
    assert told["dataset"] == "tiny"
    assert told["model"] == "my model"
    assert told["metrics"] == report.metrics
    assert told["documents"]["texts"] == 4


def test_idf_is_the_engines(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    reference = evaluate(Bm25Encoder(), dataset, engine="memory")
    assert evaluate(Bm25Encoder(), dataset).per_query == reference.per_query
    own = Bm25Encoder().fit((document.text for document in dataset.corpus()), with_idf=True)
    own.average_length = Bm25Encoder().average_length
    assert evaluate(own, dataset, engine="memory").per_query == reference.per_query


def test_a_retriever_is_searched_as_it_is(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        retriever.upsert(document for document in dataset.corpus() if document.id != "d1")
        report = evaluate(retriever, dataset)
        assert retriever.count() == 3
    assert report.per_query["q1"]["RR@10"] == 1.0
    assert (report.engine, report.documents, report.flops) == ("retriever", None, None)


@pytest.mark.filterwarnings("ignore:.* documents of the corpus, and find themselves")
def test_a_hit_with_the_querys_own_id_can_be_ignored(folder: Path) -> None:
    (folder / "queries.jsonl").write_text('{"_id": "d1", "text": "heart"}\n')
    (folder / "qrels" / "test.tsv").write_text("d1\td3\t1\n")
    dataset = load_dataset(folder)
    for ignore, rank in ((False, 2), (True, 1)):
        report = evaluate(
            WordEncoder(), dataset, engine="memory", ignore_identical_ids=ignore, metrics=["RR"]
        )
        assert report.metrics["RR"] == 1 / rank


def test_limit_cuts_the_ranking(dataset: BeirDataset) -> None:
    report = evaluate(WordEncoder(), dataset, engine="memory", limit=1, metrics=["RR"])
    assert report.per_query["q1"]["RR"] == 0.0


@pytest.mark.parametrize(
    "bad", [{"limit": 0}, {"engine": "magic"}, {"metrics": ["nonsense"]}, {"limit": 5}]
)
def test_settings_are_checked_before_anything_is_encoded(
    dataset: BeirDataset, bad: dict[str, object]
) -> None:
    encoder = WordEncoder()
    with pytest.raises(ConfigError):
        evaluate(encoder, dataset, **bad)  # type: ignore[arg-type]
    assert encoder.calls == []


def test_something_else_than_an_encoder_is_refused(dataset: BeirDataset) -> None:
    with pytest.raises(InvalidTypeError, match="system is str"):
        evaluate("model", dataset)  # type: ignore[arg-type]


def test_a_bad_line_of_the_corpus_stops_the_evaluation(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write("not JSON")
    with pytest.raises(InvalidDataError, match="line 5"):
        evaluate(WordEncoder(), load_dataset(folder), engine="memory")


def test_names_of_the_documentation_are_those_of_the_package() -> None:
    import splade_sdk.evaluation as package
    from splade_sdk.evaluation import runner

    assert package.evaluate is runner.evaluate
    assert all(hasattr(package, name) for name in package.__all__)
    assert sorted(package.__all__) == package.__all__


def test_queries_that_find_themselves_are_warned_of(dataset: BeirDataset) -> None:
    queries = replace(dataset, queries_in_corpus=2)
    with pytest.warns(UserWarning, match="2 of 3 queries of 'tiny' are documents of the corpus"):
        evaluate(WordEncoder(), queries, engine="memory")
    evaluate(WordEncoder(), queries, engine="memory", ignore_identical_ids=True)
