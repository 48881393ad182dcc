"""What a user does first, run against the installed wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import splade_sdk

if "torch" in sys.modules or "transformers" in sys.modules:
    sys.exit("import splade_sdk loaded torch or transformers")
if Path.cwd() in Path(splade_sdk.__file__).parents or "site-packages" not in splade_sdk.__file__:
    sys.exit(f"not the installed package: {splade_sdk.__file__}")

from splade_integrations.rag import QuotingChat, RagPipeline
from splade_sdk import Document, Retriever, SpladeEncoder
from splade_sdk.errors import MissingDependencyError

encoder = SpladeEncoder()
terms = [term for term, _ in encoder.decode(encoder.encode("what is a sparse vector?"), top_k=5)]
if "vector" not in terms:
    sys.exit(f"unexpected terms: {terms}")
texts = {"a": "how to treat a heart attack", "b": "growing tomatoes in a greenhouse"}
with Retriever(path="index", encoder=encoder) as retriever:
    report = retriever.upsert(Document(id=key, text=text) for key, text in texts.items())
    hits = retriever.search("cardiac arrest", limit=1)
if report.stored != 2 or [hit.id for hit in hits] != ["a"]:
    sys.exit(f"unexpected result: {report} {hits}")

with Retriever(":memory:", encoder=encoder) as retriever:
    rag = RagPipeline(retriever, QuotingChat())
    rag.add(Document(id=key, text=text) for key, text in texts.items())
    answer = rag.ask("cardiac arrest")
if answer.citations[0].passage.document_id != "a":
    sys.exit(f"unexpected answer: {answer}")
try:
    import splade_integrations.langchain  # noqa: F401
except MissingDependencyError as error:
    if "splade-sdk[langchain]" not in str(error):
        sys.exit(f"unexpected message: {error}")
else:
    sys.exit("LangChain is there though its extra was not installed")
print("smoke: installed package encodes, indexes, searches and answers")
