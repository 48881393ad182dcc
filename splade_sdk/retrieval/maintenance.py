"""The methods of a Retriever that look after its collection."""

from __future__ import annotations

from splade_sdk.retrieval.connection import Connection
from splade_sdk.types import DoctorReport, UpgradeReport
from splade_sdk.types.arguments import require_whole

__all__ = ["MaintenanceMethods"]


class MaintenanceMethods:
    """Base of Retriever: what keeps a collection in order."""

    _connection: Connection
    _shown: str

    def upgrade_to_hybrid(
        self, *, batch_size: int = 256, show_progress_bar: bool | None = None
    ) -> UpgradeReport:
        """Add dense vectors to a collection that was indexed without, in place.

        Texts are encoded by the dense encoder only; sparse vectors and metadata stay as they are.
        The collection can be searched meanwhile, as it was before, and by its dense vectors when
        this returns. Killed on the way, it goes on where it was when it is called again. On a
        server others may write meanwhile: what they stored without a dense vector gets one too.
        Retrievers that were opened before must be made anew to see the dense vectors.

        Args:
            batch_size: Documents read, encoded and stored at a time.
            show_progress_bar: Draw a bar on stderr; None shows one on a terminal, for work that
                takes a while.

        Returns:
            What was done; nothing where the collection is hybrid already.

        Raises:
            ConfigError: if there is no dense encoder.
            CollectionNotFoundError: if there is no such collection.
            CollectionMismatchError: if another model made it, or an upgrade by another dense model
                is under way.
            EngineError: if the engine cannot add vectors (qdrant-client's local mode cannot).
        """
        from splade_sdk.retrieval.ingest.upgrade import upgrade_to_hybrid

        return upgrade_to_hybrid(
            self._connection.open(without_dense=True),
            self._connection.encoding,
            self._connection.dense_settings,
            batch_size=require_whole(batch_size, "batch_size", least=1),
            show_progress_bar=show_progress_bar,
        )

    def doctor(self) -> DoctorReport:
        """Check the collection and the encoders, and say what to do.

        Model and vocabulary, IDF, versions of client and server, what the optimizer has to do,
        vectors that are empty, missing or other than the encoder makes, and metadata fields without
        an index. Looks at a thousand documents and encodes three.

        Returns:
            What was found; also that there is no such collection, or that it cannot be opened.
        """
        from splade_sdk.retrieval.doctor import checkup

        return checkup(self._connection, self._shown)

    def optimize(self) -> None:
        """Clean out deleted documents and flush to disk; a server does so by itself."""
        self._connection.open().optimize()
