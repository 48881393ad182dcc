from pathlib import Path

import pytest

from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.evaluation.metrics import ranked
from splade_sdk.evaluation.runner import evaluate, evaluate_modes
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Weighted
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import Document
from tests.unit.fakes import HybridEncoder, LetterEncoder, WordEncoder

MODES: list[Mode] = ["sparse", "dense", "hybrid"]
# Only so many of a query's hits can be relevant, however they were found.
IDS = {"d1", "d2", "d3", "d4"}


@pytest.fixture
def dataset(folder: Path) -> BeirDataset:
    return load_dataset(folder)


def retriever_over(dataset: BeirDataset) -> Retriever:
    retriever = Retriever(":memory:", encoder=WordEncoder(), dense_encoder=LetterEncoder())
    # Texts are left out of an evaluation's own collections, so that d4 is "nothing" in both.
    retriever.upsert(Document(each.id, each.text) for each in dataset.corpus())
    return retriever


@pytest.mark.parametrize("engine", ["embedded", "memory"])
def test_a_mode_finds_what_a_retriever_finds(dataset: BeirDataset, engine: str) -> None:
    if engine == "embedded":
        pytest.importorskip("qdrant_edge")
    reports = evaluate_modes(
        WordEncoder(),
        dataset,
        MODES,
        dense_encoder=LetterEncoder(),
        engine=engine,  # type: ignore[arg-type]
    )
    assert [report.mode for report in reports] == MODES
    assert [report.name for report in reports] == ["words", "words (dense)", "words (hybrid)"]
    with retriever_over(dataset) as retriever:
        for report in reports:
            for query_id, text in dataset.queries.items():
                hits = retriever.search(text, mode=report.mode, limit=100)  # type: ignore[arg-type]
                found = report.run[query_id]
                expected = ranked([(hit.id, hit.score) for hit in hits])
                assert [hit[0] for hit in found] == [hit[0] for hit in expected]
                assert [hit[1] for hit in found] == pytest.approx([hit[1] for hit in expected])
    # By words q1 finds d1 and d3, by letters all documents, and hybrid all that either finds.
    assert {hit[0] for hit in reports[0].run["q1"]} == {"d1", "d3"}
    assert {hit[0] for hit in reports[1].run["q1"]} == IDS
    assert {hit[0] for hit in reports[2].run["q1"]} == IDS


def test_texts_are_encoded_once_for_all_modes(dataset: BeirDataset) -> None:
    encoder, dense = WordEncoder(), LetterEncoder()
    evaluate_modes(encoder, dataset, MODES, dense_encoder=dense, engine="memory")
    for calls in (encoder.calls, dense.calls):
        texts = [text for call in calls for text in call]
        assert [texts.count(text) for text in dataset.queries.values()] == [1, 1, 1]


def test_one_pass_of_a_model_with_a_dense_head_gives_both(dataset: BeirDataset) -> None:
    encoder = HybridEncoder()
    sparse, dense, hybrid = evaluate_modes(encoder, dataset, MODES, engine="memory")
    other = evaluate_modes(
        WordEncoder(), dataset, MODES, dense_encoder=LetterEncoder(), engine="memory"
    )
    assert [each.run for each in (sparse, dense, hybrid)] == [each.run for each in other]
    # The pass cannot be told apart: each mode is charged with the whole of it.
    assert sparse.seconds.encode == dense.seconds.encode == hybrid.seconds.encode


def test_a_mode_is_charged_with_what_it_needs(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    sparse, dense, hybrid = evaluate_modes(
        WordEncoder(), dataset, MODES, dense_encoder=LetterEncoder()
    )
    assert hybrid.seconds.encode == pytest.approx(sparse.seconds.encode + dense.seconds.encode)
    assert sparse.flops == hybrid.flops
    assert dense.flops is None
    assert all(each.index_bytes for each in (sparse, dense, hybrid))


def test_the_baseline_is_a_mode_of_its_own_encoder(dataset: BeirDataset) -> None:
    pytest.importorskip("qdrant_edge")
    (sparse,) = evaluate_modes(Bm25Encoder(), dataset, ["sparse"])
    (fused,) = evaluate_modes(Bm25Encoder(), dataset, ["hybrid"], dense_encoder=LetterEncoder())
    assert {hit[0] for hit in sparse.run["q1"]} == {"d1", "d3"}
    assert {hit[0] for hit in fused.run["q1"]} == IDS


def test_fusion_and_depth_are_those_asked_for(dataset: BeirDataset) -> None:
    dense_only = evaluate(
        WordEncoder(),
        dataset,
        mode="hybrid",
        dense_encoder=LetterEncoder(),
        fusion=Weighted(alpha=1.0),
        engine="memory",
    )
    dense = evaluate(
        WordEncoder(), dataset, mode="dense", dense_encoder=LetterEncoder(), engine="memory"
    )
    order = {each: [hit[0] for hit in hits] for each, hits in dense.run.items()}
    assert {each: [hit[0] for hit in hits] for each, hits in dense_only.run.items()} == order
    shallow = evaluate(
        WordEncoder(),
        dataset,
        mode="hybrid",
        dense_encoder=LetterEncoder(),
        fusion=RRF(k=0),
        prefetch_limit=1,
        engine="memory",
    )
    # The best hit of each leg: by words d1, by letters "lung cancer", which has an a and an e too.
    assert shallow.run["q1"] == [("d2", 1 / (0 + 1)), ("d1", 1 / (0 + 1))]


def test_a_retriever_is_searched_by_mode(dataset: BeirDataset) -> None:
    with retriever_over(dataset) as retriever:
        for mode in MODES:
            report = evaluate(retriever, dataset, mode=mode, dense_encoder=LetterEncoder())
            (made,) = evaluate_modes(
                WordEncoder(), dataset, [mode], dense_encoder=LetterEncoder(), engine="memory"
            )
            assert report.mode == mode
            assert report.metrics == made.metrics


def test_the_cache_tells_modes_dense_models_and_fusions_apart(
    dataset: BeirDataset, tmp_path: Path
) -> None:
    class Reversed(LetterEncoder):
        def encode(self, texts: list[str]):  # type: ignore[no-untyped-def]
            return super().encode(texts)[:, ::-1].copy()

    def cached(mode: Mode, dense: LetterEncoder, fusion: RRF) -> bool:
        return evaluate(
            WordEncoder(),
            dataset,
            mode=mode,
            dense_encoder=dense,
            fusion=fusion,
            engine="memory",
            cache=tmp_path,
        ).cached

    assert not cached("hybrid", LetterEncoder(), RRF())
    assert cached("hybrid", LetterEncoder(), RRF())
    assert not cached("hybrid", LetterEncoder(), RRF(k=1))
    assert not cached("hybrid", Reversed(), RRF())
    assert not cached("dense", LetterEncoder(), RRF())
    assert cached("dense", LetterEncoder(), RRF(k=1))  # nothing is fused
    assert not cached("sparse", LetterEncoder(), RRF())


def test_what_cannot_be_is_refused_before_anything_is_encoded(dataset: BeirDataset) -> None:
    encoder = WordEncoder()
    with pytest.raises(ConfigError, match="no dense head"):
        evaluate(encoder, dataset, mode="hybrid", engine="memory")
    with pytest.raises(ConfigError, match="mode is 'bm25'"):
        evaluate(encoder, dataset, mode="bm25", engine="memory")  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError):
        evaluate_modes("words", dataset, ["sparse"])  # type: ignore[arg-type]
    assert encoder.calls == []
