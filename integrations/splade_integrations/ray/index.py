"""Bulk indexing: a Ray dataset into a collection, by as many workers as there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import ray
from ray.data import ActorPoolStrategy, Dataset

from splade_integrations.ray.attempts import Attempts
from splade_integrations.ray.columns import Columns
from splade_integrations.ray.failures import our_errors
from splade_integrations.ray.room import Room
from splade_integrations.ray.target import MakeDenseEncoder, MakeEncoder, Target
from splade_integrations.ray.worker import REPORT, ROWS, IndexingWorker, open_target
from splade_sdk.config import CollectionSettings
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.progress import progress_bar
from splade_sdk.retrieval.partial import reported
from splade_sdk.retrieval.upload import UploadOptions
from splade_sdk.retry import DEFAULT_RETRY, RetrySettings
from splade_sdk.types import IngestReport
from splade_sdk.types.arguments import require_whole

__all__ = ["index_dataset"]

_LOOKED_AT = 20  # rows that are made into documents before any worker starts


def index_dataset(
    ds: Dataset,
    url: str | None = None,
    *,
    path: None = None,
    collection: str = "documents",
    make_encoder: MakeEncoder | None = None,
    make_dense_encoder: MakeDenseEncoder | Literal[False] | None = None,
    api_key: str | None = None,
    settings: CollectionSettings | None = None,
    timeout_s: float = 30.0,
    retry: RetrySettings | None = DEFAULT_RETRY,
    id_column: str = "id",
    text_column: str = "text",
    metadata_columns: Sequence[str] = (),
    num_actors: int | tuple[int, int] | None = None,
    num_cpus: float = 1.0,
    num_gpus: float = 0.0,
    block_size: int = 2048,
    batch_size: int = 256,
    skip_unchanged: bool = True,
    show_progress_bar: bool | None = None,
) -> IngestReport:
    """Encode and store the rows of a dataset, replacing documents with the same id.

    Each worker is an actor that loads the model once, and stores one block after the other as
    ``Retriever.upsert`` does. A document has the same point wherever it is stored, with a hash of
    its content: a block whose worker died is begun again and stores nothing twice, and indexing
    the same dataset again neither encodes nor writes what has not changed. Of rows with the same
    id one is stored; which one, if they are in different blocks, is left to chance.

    Before any worker starts, the arguments and the first rows are checked, and a task on one
    machine of the cluster loads the model and opens the collection.

    Args:
        ds: Any dataset; read block by block, memory does not grow with it.
        url: Address of a Qdrant server that every machine of the cluster reaches.
        path: Not for this: the folder of an embedded collection has a single owner.
        collection: Name of the collection; made where it does not exist.
        make_encoder: Called once in each worker; None for ``SpladeEncoder`` with the default
            model. Ray sends it to the workers by pickle.
        make_dense_encoder: The same for the dense vectors; None for the dense head of the model,
            if it has one; False for none.
        api_key: Key of the server.
        settings: Layout of a collection that is made.
        timeout_s: Seconds to wait for an answer of the server.
        retry: How a worker tries calls of the server again; when it gives up, indexing ends.
        id_column: Column of the ids: strings, or whole numbers that become strings.
        text_column: Column of the texts.
        metadata_columns: Columns kept as metadata.
        num_actors: Workers at the same time: a number, or the least and the most; None lets Ray
            start as many as the cluster has room for.
        num_cpus: Cores reserved for each worker.
        num_gpus: GPUs reserved for each worker; ``make_encoder`` must put its model there.
        block_size: Documents of a block at most: what is begun again when a worker dies, and what
            the progress bar moves by.
        batch_size: Documents encoded and stored at once at most.
        skip_unchanged: Leave out documents that are stored already, as they are.
        show_progress_bar: Draw a bar on stderr; None shows one on a terminal.

    Returns:
        The sum over all blocks. Seconds are those of all workers added up. What a worker stored
        of a block before it died counts as skipped. Rows that make no document, batches that the
        server refused, and blocks that killed three workers are in ``failed``, with their cause.

    Raises:
        InvalidTypeError: if an argument has the wrong type.
        ConfigError: if the dataset lacks a column, an argument is out of range, or the workers
            would leave no core to read the dataset with.
        InvalidDocumentError: if none of the first rows makes a document.
        CollectionMismatchError: if another model made the collection.
        EngineError: if the server cannot be reached, or lets no worker store. This, and whatever
            else ends it, has the attribute ``report``: the IngestReport of the blocks that were
            done; indexing the same dataset again goes on from there.

    Example:
        >>> report = index_dataset(  # doctest: +SKIP
        ...     ray.data.read_parquet("s3://bucket/corpus"),
        ...     "http://qdrant:6333",
        ...     id_column="docid",
        ...     num_actors=8,
        ... )
        >>> report.raise_for_failed()  # doctest: +SKIP
    """
    if path is not None:
        raise ConfigError(
            f"path is {path!r}: the folder of an embedded collection has a single owner, and "
            "several workers store at once; expected the url of a server that all of them reach"
        )
    if not isinstance(ds, Dataset):
        raise InvalidTypeError(
            f"ds is {type(ds).__name__}: expected a ray.data.Dataset, as of "
            "ray.data.read_parquet(...) or ray.data.from_items([{'id': 'a1', 'text': '...'}])"
        )
    target = Target(
        url,
        collection,
        make_encoder,
        make_dense_encoder,
        api_key,
        settings,
        timeout_s,
        retry,
    )
    columns = Columns.make(id_column, text_column, metadata_columns)
    room = Room.make(num_actors, num_cpus, num_gpus)
    require_whole(block_size, "block_size", least=1)
    options = UploadOptions(batch_size, skip_unchanged, show_progress_bar=False)
    report = IngestReport()
    with (
        reported(lambda: report),
        our_errors(),
        _without_rays_bars(ds),
        progress_bar(desc="Indexing", unit="doc", show=show_progress_bar) as bar,
    ):
        if not _require_documents(ds, columns):
            return report
        room.require_for_reading(ray.cluster_resources())
        ray.get(room.task(open_target).remote(target))
        attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
        done = (
            ds.select_columns(columns.names)
            .repartition(target_num_rows_per_block=block_size, strict=True)
            .map_batches(
                IndexingWorker,
                fn_constructor_args=(target, columns, options, attempts),
                batch_size=block_size,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(min_size=room.least, max_size=room.most),
                num_cpus=room.num_cpus,
                num_gpus=room.num_gpus,
            )
        )
        for row in done.iter_rows():
            report += row[REPORT]
            bar.update(row[ROWS])
    return report
