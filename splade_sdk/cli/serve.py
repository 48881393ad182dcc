"""``splade serve``: a model over HTTP, and a search page."""

import signal
import sys
from typing import Annotated

import typer

from splade_sdk.cli.options import RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import say

__all__ = ["EXAMPLES", "serve"]

EXAMPLES = """**Examples**

`splade serve --index ./idx`

`splade serve --url http://localhost:6333 --collection docs --host 0.0.0.0`

`splade serve --model naver/splade-v3 --port 9000`
"""


@takes_retriever("settings", "windows")
def serve(
    *,
    source: RetrieverOptions,
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
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Host name under which clients may address the service, besides localhost and IP "
            "addresses; may come more than once, * for every name. With a key, every name is "
            "allowed unless some are given.",
            show_default=False,
        ),
    ] = None,
    stop_timeout: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Time that requests under way are given after SIGTERM; 5 seconds later the "
            "process ends, whatever they do.",
        ),
    ] = 20,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log a line for each request.")
    ] = False,
) -> None:
    """Serve a model over HTTP, with a search page over an index.

    Clients get vectors at /embed_sparse, as text-embeddings-inference gives them, and hits at
    /search; /metrics is for Prometheus. Without --index or --url, nothing is searched.
    """
    from splade_sdk.cli.opening import open_encoder
    from splade_sdk.serving import ServiceSettings, create_app
    from splade_sdk.serving.server import make_server, run_process

    service_settings = ServiceSettings.model_validate(
        {
            "api_key": service_key,
            "allowed_hosts": tuple(allowed_host) if allowed_host else None,
            "max_client_batch_size": max_client_batch_size,
            "max_batch_texts": max_batch_texts,
        }
    )
    retriever = source.open() if source.is_given else None
    try:
        if retriever is not None:
            found = retriever.count()  # fails here rather than at the first search
            say(f"{found:,} documents in {source.collection}; the page is at /")
            encoder = retriever.encoder
        else:
            encoder = open_encoder(source.model, windows=source.windows)
        app = create_app(encoder, retriever, service_settings)
        # uvicorn stops gracefully, then raises the signal again: now it only ends the process.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        run_process(
            make_server(
                app, host=host, port=port, stop_timeout_s=stop_timeout, access_log=access_log
            )
        )
    except SystemExit as leaving:  # uvicorn's, with a code of its own where it could not start
        raise typer.Exit(1 if leaving.code else 0) from leaving
    finally:
        if retriever is not None:
            retriever.close()
