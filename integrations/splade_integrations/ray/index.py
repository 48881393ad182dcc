"""Bulk indexing: a Ray dataset into a collection, by as many workers as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import ray
from ray import cloudpickle
from ray.data import ActorPoolStrategy, Dataset

from splade_integrations.ray.attempts import Attempts
from splade_integrations.ray.columns import Columns
from splade_integrations.ray.losses import Losses
from splade_integrations.ray.outcome import Outcome
from splade_integrations.ray.room import Room
from splade_integrations.ray.worker import OUTCOME, IndexingWorker
from splade_sdk.errors import InvalidTypeError
from splade_sdk.progress import progress_bar
from splade_sdk.retrieval.ingest.run import reported
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import IngestReport
from splade_sdk.types.arguments import require_whole

__all__ = ["index_dataset"]


def index_dataset(
    ds: Dataset,
    make_retriever: Callable[[], Retriever],
    *,
    id_column: str = "id",
    text_column: str = "text",
    metadata_columns: Sequence[str] = (),
    num_actors: int | tuple[int, int] | None = None,
    num_cpus: float = 1.0,
    num_gpus: float = 0.0,
    block_size: int = 2048,
    batch_size: int = 256,
    skip_unchanged: bool = True,
    max_failed: int = 10_000,
    dead_letter: str | Path | None = None,
    show_progress_bar: bool | None = None,
) -> IngestReport:
    """Encode and store the rows of a dataset, replacing documents with the same id.

    Each worker is an actor that makes one retriever, and stores one block after the other with its
    ``upsert``. The same document becomes the same point wherever it is stored, with a hash of its
    content: a block whose worker died is begun again and stores nothing twice, and indexing the
    same dataset again neither encodes nor writes what has not changed. Of rows with the same id
    one is stored; which one, if they are in different blocks, is left to chance.

    A call of the server that fails is tried again as the retriever's ``retry`` says. Rows that make
    no document, batches that the server refuses, and blocks of which three workers died are
    reported in ``failed``, and indexing goes on; a server that cannot be reached, another model's
    collection, or too many failures end it.

    Before a load of millions with dense vectors, let Qdrant put off its graph index (bulk mode):
    see ``docs/how-to/scaling.md``.

    Args:
        ds: Any dataset; read block by block, memory does not grow with it.
        make_retriever: Called once in each worker, to which Ray sends it by pickle. Its collection
            is on a server that every machine reaches: a folder has a single owner.
        id_column: Column of the ids: strings, or whole numbers that become strings.
        text_column: Column of the texts.
        metadata_columns: Columns kept as metadata.
        num_actors: Workers at the same time: a number, or the least and the most; None lets Ray
            start as many as the cluster has room for.
        num_cpus: Cores reserved for each worker, and threads that torch uses there.
        num_gpus: GPUs reserved for each worker.
        block_size: Documents of a block at most: what is begun again when a worker dies, and what
            the progress bar moves by. A block should take seconds, not half an hour.
        batch_size: Documents encoded and stored at once at most.
        skip_unchanged: Leave out documents that are stored already, as they are.
        max_failed: Documents that may fail before it ends with an error: bounds the report, and
            what a wrong column costs.
        dead_letter: File of this machine to which what could not be stored is appended, as JSON
            lines with the cause; of a row that makes no document, the id.
        show_progress_bar: Draw a bar on stderr instead of Ray's; None shows one on a terminal.

    Returns:
        The sum over all blocks. Seconds are those of all workers added up. What a worker stored
        of a block before it died counts as skipped.

    Raises:
        InvalidTypeError: if an argument has the wrong type.
        ConfigError: if the dataset lacks a column, an argument is out of range, the workers would
            leave no core to read the dataset with, or the retriever is no server's.
        CollectionMismatchError: if another model made the collection; nothing is encoded then.
        EngineError: if the server cannot be reached, lets no worker store, or more than
            ``max_failed`` documents failed. This, and whatever else ends it, has the attribute
            ``report``: the IngestReport of the blocks that were done; indexing the same dataset
            again goes on from there.

    Example:
        >>> report = index_dataset(  # doctest: +SKIP
        ...     ray.data.read_parquet("s3://bucket/corpus"),
        ...     lambda: Retriever("http://qdrant:6333", collection="docs"),
        ...     id_column="docid",
        ...     num_gpus=1,
        ... )
        >>> report.raise_for_failed()  # doctest: +SKIP
    """
    if not isinstance(ds, Dataset):
        raise InvalidTypeError(
            f"ds is {type(ds).__name__}: expected a ray.data.Dataset, as of "
            "ray.data.read_parquet(...) or ray.data.from_items([{'id': 'a1', 'text': '...'}])"
        )
    if not callable(make_retriever):
        raise InvalidTypeError(
            f"make_retriever is {make_retriever!r} ({type(make_retriever).__name__}): expected a "
            "function that makes one in each worker, as in lambda: Retriever('http://...')"
        )
    columns = Columns.make(id_column, text_column, metadata_columns)
    room = Room.make(num_actors, num_cpus, num_gpus)
    require_whole(block_size, "block_size", least=1)
    require_whole(batch_size, "batch_size", least=1)
    losses = Losses(require_whole(max_failed, "max_failed", least=0), dead_letter)
    report = IngestReport()
    with (
        reported(lambda: report),
        _without_rays_bars(ds),
        progress_bar(desc="Indexing", unit="doc", show=show_progress_bar) as bar,
    ):
        if (there := ds.columns()) is None:
            return report  # no rows
        columns.require_in(there)
        room.require_for_reading(ray.cluster_resources())
        attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
        worker_args = (make_retriever, columns, batch_size, skip_unchanged, attempts)
        done = (
            ds.select_columns(columns.names)
            .repartition(target_num_rows_per_block=block_size, strict=True)
            .map_batches(
                IndexingWorker,
                fn_constructor_args=worker_args,
                batch_size=block_size,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(min_size=room.least, max_size=room.most),
                num_cpus=room.num_cpus,
                num_gpus=room.num_gpus,
            )
        )
        with closing(_outcomes(done)) as outcomes:
            for outcome in outcomes:
                report += outcome.report
                bar.update(outcome.rows)
                losses.note(outcome)
                if outcome.error is not None:
                    raise outcome.error
    return report


def _outcomes(done: Dataset) -> Generator[Outcome, None, None]:
    """Yield what the workers tell; closing it stops them."""
    for row in done.iter_rows():
        yield cast("Outcome", cloudpickle.loads(row[OUTCOME]))


@contextmanager
def _without_rays_bars(ds: Dataset) -> Iterator[None]:
    """Let Ray draw no bars of its own for this dataset and those made from it."""
    drawn = ds.context.enable_progress_bars
    ds.context.enable_progress_bars = False
    try:
        yield
    finally:
        ds.context.enable_progress_bars = drawn
