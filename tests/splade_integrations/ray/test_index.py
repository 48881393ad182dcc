"""Datasets, indexed by two workers of a local cluster into a server of its own process."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="pip install 'splade-sdk[ray]'")

import ray
from ray.data import Dataset

from splade_integrations.ray import index_dataset
from splade_sdk.errors import CollectionMismatchError, ConfigError, EngineError, InvalidTypeError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, IngestReport
from tests.splade_integrations.ray.remote_server import RemoteServer
from tests.splade_integrations.ray.traced import TracedEncoder, encoded, workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("cluster"),
    # Ray's own, of a dataset with fewer blocks than there are workers.
    pytest.mark.filterwarnings("ignore:The minimum number of concurrent actors:UserWarning"),
]

DOCUMENTS, BLOCK, BATCH = 320, 64, 16


def rows(count: int = DOCUMENTS) -> list[dict[str, Any]]:
    return [{"id": f"d{n}", "text": f"number{n} of many", "year": n} for n in range(count)]


def dataset(given: Sequence[dict[str, Any]]) -> Dataset:
    return ray.data.from_items(list(given), override_num_blocks=4)


def index(
    ds: Dataset, server: RemoteServer, folder: Path, encoder: Any = None, **options: Any
) -> IngestReport:
    used, url = encoder or TracedEncoder(folder), server.url
    return index_dataset(
        ds,
        lambda: Retriever(url, encoder=used, retry=None),
        **{
            "num_actors": 2,
            "num_cpus": 0.5,
            "block_size": BLOCK,
            "batch_size": BATCH,
            "metadata_columns": ["year"],
            "show_progress_bar": False,
            **options,
        },
    )


def stored(server: RemoteServer, name: str = "words") -> dict[str, Document]:
    encoder: Any = TracedEncoder(Path(), name)
    with Retriever(server.url, encoder=encoder) as retriever:
        found = {each.id: each for each in retriever.documents()}
        assert len(found) == retriever.count()
    return found


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill -9")
def test_a_killed_worker_loses_nothing_and_a_second_run_encodes_nothing(
    server: RemoteServer, tmp_path: Path
) -> None:
    # number100 lies in the middle of a block: batches before it in that block are stored already.
    encoder = TracedEncoder(tmp_path, deadly="number100 ", deaths=1)
    report = index(dataset(rows()), server, tmp_path, encoder)

    assert (tmp_path / "0.death").exists()
    assert workers(tmp_path) == 3, "two, and the one in place of the dead"
    assert not report.failed
    assert report.stored + report.skipped == DOCUMENTS
    assert report.skipped < BLOCK, "only what the dead worker had stored of its block"
    found = stored(server)
    assert {each: found[each].metadata for each in found} == {
        each["id"]: {"year": each["year"]} for each in rows()
    }
    times = encoded(tmp_path)
    assert set(times) == {each["text"] for each in rows()}
    assert sum(times.values()) <= DOCUMENTS + BLOCK

    writes = server.writes()
    again = index(dataset(rows()), server, tmp_path)
    assert (again.stored, again.skipped, again.failed) == (0, DOCUMENTS, ())
    assert encoded(tmp_path) == times
    assert server.writes() == writes


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill -9")
def test_a_block_that_kills_its_workers_is_given_up(server: RemoteServer, tmp_path: Path) -> None:
    encoder = TracedEncoder(tmp_path, deadly="number5 ", deaths=99)
    sizes = {"block_size": 10, "batch_size": 10, "num_actors": 1}
    report = index(dataset(rows(30)), server, tmp_path, encoder, **sizes)

    (failed,) = report.failed
    assert "d5" in failed.ids
    assert len(failed.ids) == 10
    assert "3 workers died" in str(failed.cause)
    assert report.stored == 20
    assert len(list(tmp_path.glob("*.death"))) == 3
    assert stored(server).keys() == {each["id"] for each in rows(30)} - set(failed.ids)


def test_bad_rows_and_refused_batches_are_reported_with_their_cause(
    server: RemoteServer, tmp_path: Path
) -> None:
    given = rows(64)
    given[3]["text"] = None
    given[20]["year"] = float("nan")
    server.refuse("number50 ")
    letters = tmp_path / "dead.jsonl"
    report = index(dataset(given), server, tmp_path, dead_letter=letters)

    causes = {each: str(batch.cause) for batch in report.failed for each in batch.ids}
    assert causes["d3"] == "column 'text' of document 'd3' is NoneType: expected a string"
    assert "year" in causes["d20"]
    assert "no room for this" in causes["d50"]
    assert report.stored == 64 - len(causes)
    assert stored(server).keys() == {each["id"] for each in given} - causes.keys()
    written = {each["id"]: each for each in map(json.loads, letters.read_text().splitlines())}
    assert written.keys() == causes.keys()
    assert written["d3"] == {"id": "d3", "cause": f"InvalidDocumentError: {causes['d3']}"}
    assert written["d50"]["text"] == "number50 of many"
    assert written["d50"]["metadata"] == {"year": 50}
    with pytest.raises(EngineError, match=rf"{len(causes)} of 64 documents were not stored"):
        report.raise_for_failed()


def test_too_many_failures_end_it(server: RemoteServer, tmp_path: Path) -> None:
    given = [{**each, "text": None} for each in rows()]
    with pytest.raises(EngineError, match=r"more than max_failed=10; .* expected a string") as told:
        index(dataset(given), server, tmp_path, max_failed=10)
    report: IngestReport = told.value.report  # type: ignore[attr-defined]
    assert sum(len(batch.ids) for batch in report.failed) == BLOCK


def test_another_models_collection_is_refused_before_any_work(
    server: RemoteServer, tmp_path: Path
) -> None:
    encoder: Any = TracedEncoder(tmp_path, "first")
    with Retriever(server.url, encoder=encoder) as retriever:
        retriever.upsert([Document("a", "text")])
    before, writes = encoded(tmp_path), server.writes()

    with pytest.raises(CollectionMismatchError, match=r"made by the model 'first'.*'second'"):
        index(dataset(rows()), server, tmp_path, TracedEncoder(tmp_path, "second"))
    assert encoded(tmp_path) == before
    assert server.writes() == writes


@pytest.mark.parametrize("place", [{"url": ":memory:"}, {"path": "./index"}], ids=str)
def test_an_engine_that_workers_cannot_share_is_refused(
    server: RemoteServer, tmp_path: Path, place: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=r"cannot share .* the url of a server"):
        index_dataset(
            dataset(rows()),
            lambda: Retriever(**place, encoder=TracedEncoder(tmp_path)),
            num_cpus=0.5,
        )
    assert not encoded(tmp_path)


def test_a_server_that_does_not_answer_ends_it(server: RemoteServer, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"refused|reach") as told:
        index_dataset(
            dataset(rows()),
            lambda: Retriever("http://127.0.0.1:9", encoder=TracedEncoder(tmp_path), retry=None),
            num_cpus=0.5,
        )
    assert told.value.report == IngestReport()  # type: ignore[attr-defined]


def test_arguments_are_checked_before_workers_start(server: RemoteServer, tmp_path: Path) -> None:
    ds = dataset(rows(4))
    with pytest.raises(ConfigError, match=r"no column 'body'; it has 'id', 'text', 'year'"):
        index(ds, server, tmp_path, text_column="body")
    with pytest.raises(ConfigError, match="leave no CPU of the cluster's 2 to read"):
        index(ds, server, tmp_path, num_cpus=1)
    with pytest.raises(ConfigError, match="max_failed is -1: expected 0 or more"):
        index(ds, server, tmp_path, max_failed=-1)
    retriever: Any = Retriever(server.url)
    with pytest.raises(InvalidTypeError, match=r"make_retriever is Retriever.*as in lambda"):
        index_dataset(ds, retriever)
    with pytest.raises(InvalidTypeError, match=r"ds is list: expected a ray.data.Dataset"):
        index(rows(4), server, tmp_path)  # type: ignore[arg-type]
    assert server.writes() == 0


def test_a_dataset_without_rows_stores_nothing(server: RemoteServer, tmp_path: Path) -> None:
    assert index(dataset(rows(4)).limit(0), server, tmp_path) == IngestReport()
