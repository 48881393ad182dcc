from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_sdk import Bm25Encoder, CollectionSettings, SparseEncoder
from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.evaluation import runner as module
from splade_sdk.evaluation.report import EvaluationReport
from splade_sdk.evaluation.run_cache import data_sha256
from splade_sdk.evaluation.runner import evaluate
from tests.unit.fakes import WordEncoder

pytest.importorskip("ir_measures")


@pytest.fixture
def dataset(folder: Path) -> BeirDataset:
    return load_dataset(folder)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def measure(encoder: object, dataset: BeirDataset, kept: Path, **given: Any) -> EvaluationReport:
    options = {"engine": "memory", "metrics": ["RR"], **given}
    return evaluate(encoder, dataset, cache=kept, **options)  # type: ignore[arg-type]


def test_the_second_evaluation_encodes_nothing(dataset: BeirDataset, kept: Path) -> None:
    first = measure(WordEncoder(), dataset, kept)
    again = WordEncoder()
    second = measure(again, dataset, kept)
    assert again.calls == []
    assert (first.cached, second.cached) == (False, True)
    assert (second.run, second.metrics, second.flops) == (first.run, first.metrics, first.flops)
    assert (second.queries, second.documents) == (first.queries, first.documents)
    assert second.seconds.encode == first.seconds.encode


def test_other_metrics_come_from_the_same_run(dataset: BeirDataset, kept: Path) -> None:
    measure(WordEncoder(), dataset, kept)
    again = WordEncoder()
    assert measure(again, dataset, kept, metrics=["nDCG@10", "AP"]).metrics.keys() == {
        "nDCG@10",
        "AP",
    }
    assert again.calls == []


def test_nothing_is_kept_where_nobody_asked(dataset: BeirDataset, kept: Path) -> None:
    evaluate(WordEncoder(), dataset, engine="memory")
    assert not kept.exists()


class Settled(WordEncoder):
    def __init__(self, document_settings: str = "", query_settings: str = "") -> None:
        super().__init__()
        self.document_settings = document_settings
        self.query_settings = query_settings


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        (WordEncoder("other"), {}),
        (Settled(document_settings="cut at 3"), {}),
        (Settled(query_settings="cut at 3"), {}),
        (Settled(), {"limit": 7}),
        (Settled(), {"ignore_identical_ids": True}),
        (Settled(), {"settings": CollectionSettings(datatype="uint8")}),
        (Settled(), {"engine": "embedded"}),
    ],
)
def test_whatever_changes_the_hits_is_searched_anew(
    dataset: BeirDataset, kept: Path, encoder: WordEncoder, options: dict[str, Any]
) -> None:
    measure(Settled(), dataset, kept)
    encoder.calls.clear()
    assert not measure(encoder, dataset, kept, **options).cached
    assert encoder.calls


def test_another_name_of_the_same_model_does_not_matter(dataset: BeirDataset, kept: Path) -> None:
    class Renamed(WordEncoder):
        @property
        def fingerprint(self) -> Any:
            return super().fingerprint.model_copy(update={"model": "moved/elsewhere"})

    Renamed.__qualname__ = WordEncoder.__qualname__
    measure(WordEncoder(), dataset, kept)
    assert measure(Renamed(), dataset, kept).cached


def test_another_version_of_the_engine_searches_anew(
    dataset: BeirDataset, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(WordEncoder(), dataset, kept, engine="embedded")
    monkeypatch.setattr(module, "version", lambda _: "99")
    assert not measure(WordEncoder(), dataset, kept, engine="embedded").cached


def test_a_fitted_idf_makes_another_query_side() -> None:
    plain = Bm25Encoder()
    assert isinstance(plain, SparseEncoder)
    fitted = Bm25Encoder().fit(["heart attack"], with_idf=True)
    other = Bm25Encoder().fit(["heart heart"], with_idf=True)
    assert len({plain.query_settings, fitted.query_settings, other.query_settings}) == 3


def test_the_hash_of_the_data_is_that_of_texts_not_of_judgements(folder: Path) -> None:
    before = data_sha256(load_dataset(folder))
    qrels = folder / "qrels" / "test.tsv"
    qrels.write_text(qrels.read_text().replace("d3\t1", "d3\t2"))
    assert data_sha256(load_dataset(folder)) == before
    corpus = folder / "corpus.jsonl"
    text = corpus.read_text()
    corpus.write_text(text.replace("cancer", "Cancer"))
    changed = data_sha256(load_dataset(folder))
    assert changed != before
    corpus.write_text(text)
    queries = folder / "queries.jsonl"
    queries.write_text(queries.read_text().replace("absent", "there"))
    assert data_sha256(load_dataset(folder)) not in (before, changed)


@pytest.mark.parametrize("content", ["", "{", '{"run": {"q1": 5}}'])
def test_a_file_that_cannot_be_read_counts_as_missing(
    dataset: BeirDataset, kept: Path, content: str
) -> None:
    measure(WordEncoder(), dataset, kept)
    (file,) = kept.iterdir()
    file.write_text(content)
    assert not measure(WordEncoder(), dataset, kept).cached
    assert measure(WordEncoder(), dataset, kept).cached
    assert list(kept.iterdir()) == [file]
