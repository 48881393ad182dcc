"""``splade serve``: a model over HTTP, and a search page."""

import signal
import sys
from typing import Annotated

import typer

from splade_sdk.cli.options import (
    ApiKey,
    CollectionName,
    DenseModel,
    IndexFolder,
    Model,
    SettingsFile,
    Url,
    Windows,
)

__all__ = ["EXAMPLES", "serve"]

EXAMPLES = """**Examples**

`splade serve --index ./idx`

`splade serve --url http://localhost:6333 --collection docs --host 0.0.0.0`

`splade serve --model naver/splade-v3 --port 9000`
"""


def serve(
    *,
    index: IndexFolder = None,
    url: Url = None,
    collection: CollectionName = "documents",
    api_key: ApiKey = None,
    model: Model = None,
    dense_model: DenseModel = None,
    settings: SettingsFile = None,
    windows: Windows = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    service_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Key that clients must send, as Authorization: Bearer KEY. Better set in the "
            "environment: a command line is seen by everybody on the machine.",
            envvar="SPLADE_SERVICE_KEY",
            show_default=False,
        ),
    ] = None,
    max_client_batch_size: Annotated[
        int, typer.Option(min=1, help="Texts of a request at most.")
    ] = 64,
    max_batch_texts: Annotated[
        int, typer.Option(min=1, help="Texts of all requests that are encoded together at most.")
    ] = 64,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log a line for each request.")
    ] = False,
) -> None:
    """Serve a model over HTTP, with a search page over an index.

    Clients get vectors at /embed_sparse, as text-embeddings-inference gives them, and hits at
    /search; /metrics is for Prometheus. Without --index or --url, nothing is searched.
    """
    from splade_sdk.cli.opening import open_encoder, open_retriever
    from splade_sdk.serving import ServiceSettings, create_app
    from splade_sdk.serving.server import make_server

    service_settings = ServiceSettings.model_validate(
        {
            "api_key": service_key,
            "max_client_batch_size": max_client_batch_size,
            "max_batch_texts": max_batch_texts,
        }
    )
    retriever = None
    if index is not None or url is not None:
        retriever = open_retriever(
            index,
            url,
            collection,
            api_key=api_key,
            model=model,
            dense_model=dense_model,
            windows=windows,
            settings=settings,
        )
    try:
        if retriever is not None:
            found = retriever.count()  # fails here rather than at the first search
            typer.echo(f"{found:,} documents in {collection}; the search page is at /", err=True)
        encoder = retriever.encoder if retriever else open_encoder(model, windows=windows)
        app = create_app(encoder, retriever, service_settings)
        # uvicorn stops gracefully, then raises the signal again: now it only ends the process.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        make_server(app, host=host, port=port, access_log=access_log).run()
    except SystemExit as leaving:  # uvicorn's, with a code of its own where it could not start
        raise typer.Exit(1 if leaving.code else 0) from leaving
    finally:
        if retriever is not None:
            retriever.close()
