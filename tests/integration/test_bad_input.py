"""Everything a caller can get wrong ends in a clear error, and what was stored stays stored."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from splade_sdk import Document, Retriever, SparseVector, SpladeEncoder
from splade_sdk.errors import (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    ConfigError,
    EngineConnectionError,
    IndexDamagedError,
    IndexLockedError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidInputError,
    InvalidTypeError,
    InvalidVectorError,
    ModelFormatError,
    ModelNotFoundError,
    TruncationWarning,
)
from tests.unit.fakes import DIMENSIONS, WordEncoder

STORED = [Document("a", "heart attack", {"year": 2024}), Document("b", "panic attack")]


def open_index(path: Path, encoder: WordEncoder | None = None) -> Retriever:
    return Retriever(path=path, encoder=encoder or WordEncoder())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "index"
    with open_index(path) as retriever:
        assert retriever.upsert(STORED).stored == 2
    return path


@pytest.fixture
def retriever(index: Path) -> Iterator[Retriever]:
    """A reopened index; what was stored must still be there when the test is over."""
    with open_index(index) as opened:
        yield opened
        assert opened.get(["a", "b"]) == STORED
        assert [hit.id for hit in opened.search("heart")] == ["a"]


class TestQueries:
    @pytest.mark.parametrize("query", [None, b"heart", 3, [["heart"]], {"text": "heart"}])
    def test_of_another_type(self, retriever: Retriever, query: object) -> None:
        with pytest.raises(InvalidTypeError, match="expected a string"):
            retriever.search(query)  # type: ignore[arg-type]

    def test_that_are_bytes_are_told_to_be_decoded(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidTypeError, match=r"decode it first: data\.decode\(\)"):
            retriever.search(b"heart")  # type: ignore[arg-type]

    def test_with_a_lone_surrogate(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidInputError, match=r"lone surrogate at character 5: .*errors="):
            retriever.search("heart\ud800")

    def test_that_are_empty_find_nothing(self, retriever: Retriever) -> None:
        assert retriever.search("") == []
        assert retriever.search_batch([]) == []
        assert retriever.search_batch([""]) == [[]]

    @pytest.mark.parametrize(
        "wrong",
        ["year", ["year"], 2024, {"year": {"above": 3}}, {3: "x"}, {"year": object()}],
    )
    def test_with_a_filter_of_the_wrong_shape(self, retriever: Retriever, wrong: object) -> None:
        with pytest.raises(InvalidFilterError, match=r"filter.*(expected|Valid: )"):
            retriever.search("heart", filter=wrong)  # type: ignore[arg-type]


class TestDocuments:
    @pytest.mark.parametrize("given", [None, b"text", "text", 3, {"id": "c", "text": "x"}])
    def test_that_are_no_iterable_of_documents(self, retriever: Retriever, given: object) -> None:
        with pytest.raises(InvalidTypeError, match="expected an iterable of Document"):
            retriever.upsert(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("item", [None, b"text", "text", {"id": "c", "text": "x"}])
    def test_among_which_one_is_none(self, retriever: Retriever, item: object) -> None:
        with pytest.raises(InvalidTypeError, match=r"documents\[1\] is .*: expected a Document"):
            retriever.upsert([Document("c", "new"), item])  # type: ignore[list-item]
        assert retriever.get("c") == Document("c", "new")  # what is before it is stored

    def test_of_which_there_are_none(self, retriever: Retriever) -> None:
        assert retriever.upsert([]).stored == 0

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            (("", "text"), "expected a non-empty string"),
            ((7, "text"), r"document id is 7: .*str\("),
            (("c", None), "text of document 'c' is NoneType: expected a string"),
            (("c", b"text"), "text of document 'c' is bytes"),
            (("c", "\ud800"), "lone surrogate"),
            (("\udfff", "text"), "lone surrogate"),
            (("c", "text", ["year"]), "expected a mapping"),
        ],
    )
    def test_with_wrong_fields_cannot_be_made(self, fields: tuple[object, ...], told: str) -> None:
        with pytest.raises(InvalidDocumentError, match=told):
            Document(*fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1, 2}, object()])
    def test_with_metadata_that_is_no_json(self, retriever: Retriever, value: object) -> None:
        with pytest.raises(InvalidDocumentError, match="'c'"):
            retriever.upsert([Document("c", "text", {"tag": value})])
        assert retriever.get("c") is None

    def test_with_the_same_id(self, retriever: Retriever) -> None:
        twice = [Document("c", "old words"), Document("c", "new words")]
        assert retriever.upsert(twice).stored == 1
        assert retriever.search("new")[0].text == "new words"
        assert retriever.search("old") == []

    def test_with_an_empty_text_are_stored_and_never_found(self, retriever: Retriever) -> None:
        report = retriever.upsert([Document("c", "")])
        assert (report.stored, report.empty) == (1, 1)
        assert retriever.get("c") == Document("c", "")

    def test_with_a_vector_of_another_space(self, retriever: Retriever) -> None:
        vector = SparseVector.from_dict({1: 1.0}, 99)
        with pytest.raises(InvalidVectorError, match=r"99 dimensions.*vectors of this encoder"):
            retriever.upsert([Document("c", "text", vector=vector)])

    @pytest.mark.parametrize(
        ("indices", "values", "told"),
        [
            ([1, 2], [1.0, float("nan")], "not a finite number > 0"),
            ([1, 2], [1.0, float("inf")], "not a finite number > 0"),
            ([1, 2], [1.0, -1.0], "not a finite number > 0"),
            ([2, 1], [1.0, 1.0], "sorted and unique; SparseVector.from_dict sorts"),
            ([1, 1], [1.0, 1.0], "sorted and unique"),
            ([-1, 1], [1.0, 1.0], "out of range"),
            ([1, DIMENSIONS], [1.0, 1.0], "out of range"),
            ([1, 2], [1.0], "expected pairs"),
        ],
    )
    def test_broken_vectors_cannot_be_made(
        self, indices: list[int], values: list[float], told: str
    ) -> None:
        with pytest.raises(InvalidVectorError, match=told):
            SparseVector(indices, values, DIMENSIONS)  # type: ignore[arg-type]


class TestFolders:
    def test_that_do_not_exist(self, tmp_path: Path) -> None:
        with (
            open_index(tmp_path / "gone") as retriever,
            pytest.raises(CollectionNotFoundError, match=r"gone.*upsert"),
        ):
            retriever.search("heart")
        assert not (tmp_path / "gone").exists()

    def test_held_by_another_process(self, index: Path) -> None:
        holder = textwrap.dedent(
            f"""
            import sys
            from splade_sdk import Retriever
            from tests.unit.fakes import WordEncoder
            with Retriever(path={str(index)!r}, encoder=WordEncoder()) as held:
                print(held.count(), flush=True)
                sys.stdin.read()
            """
        )
        with subprocess.Popen(
            [sys.executable, "-c", holder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "2\n"
            with (
                open_index(index) as retriever,
                pytest.raises(
                    IndexLockedError, match=rf"in use by process {process.pid}: wait for it"
                ),
            ):
                retriever.search("heart")
            process.communicate("")
        with open_index(index) as retriever:
            assert retriever.get(["a", "b"]) == STORED

    def test_held_by_another_object_of_this_process(self, index: Path) -> None:
        with open_index(index) as first:
            first.count()
            with open_index(index) as second, pytest.raises(IndexLockedError, match="close"):
                second.count()

    def test_made_by_another_model(self, index: Path) -> None:
        with (
            open_index(index, WordEncoder("other")) as retriever,
            pytest.raises(CollectionMismatchError, match=r"'words'.*'other'.*use the model"),
        ):
            retriever.search("heart")
        with open_index(index) as retriever:
            assert retriever.get(["a", "b"]) == STORED

    def test_made_by_another_model_take_no_documents(self, index: Path) -> None:
        with (
            open_index(index, WordEncoder("other")) as retriever,
            pytest.raises(CollectionMismatchError),
        ):
            retriever.upsert([Document("c", "text")])
        with open_index(index) as retriever:
            assert retriever.count() == 2

    def test_that_are_damaged(self, index: Path) -> None:
        for file in index.rglob("*"):
            if file.is_file() and file.stat().st_size and "lock" not in file.name:
                file.write_bytes(b"\x00garbage\xff" * 20)
        with (
            open_index(index) as retriever,
            pytest.raises(IndexDamagedError, match=str(index.name)),
        ):
            retriever.search("heart")

    def test_that_are_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("not an index")
        with (
            open_index(path) as retriever,
            pytest.raises(ConfigError, match=r"file: expected a folder"),
        ):
            retriever.upsert(STORED)
        assert path.read_text() == "not an index"


class TestModels:
    def test_that_do_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="gone"):
            SpladeEncoder(tmp_path / "gone").encode("text")

    def test_without_a_masked_language_model_head(self, tmp_path: Path) -> None:
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=32,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        )
        BertModel(config).save_pretrained(tmp_path)
        with pytest.raises(ModelFormatError, match=r"masked|MaskedLM|head"):
            SpladeEncoder(tmp_path).encode("text")

    @pytest.mark.slow
    @pytest.mark.real_model
    def test_a_text_of_ten_megabytes_is_cut_with_a_warning(self) -> None:
        encoder = SpladeEncoder(device="cpu")
        text = "heart attack " * 800_000
        assert len(text) > 10_000_000
        with pytest.warns(TruncationWarning, match="1 of 1 texts are longer than 512 tokens"):
            vector = encoder.encode(text)
        assert len(vector) > 0

    @pytest.mark.real_model
    @pytest.mark.parametrize("given", [None, b"text", 3, [None], ["a", b"b"], "\ud800"])
    def test_texts_of_another_type(self, given: object) -> None:
        with pytest.raises((InvalidTypeError, InvalidInputError), match=r"expected|surrogate"):
            SpladeEncoder(device="cpu").encode(given)  # type: ignore[call-overload]

    @pytest.mark.real_model
    def test_no_texts_give_an_empty_batch(self) -> None:
        encoder = SpladeEncoder(device="cpu")
        assert encoder.encode([]).shape == (0, encoder.dimensions)
        assert len(encoder.encode("")) == 0


class Unauthorized(BaseHTTPRequestHandler):
    def _refuse(self) -> None:
        body = b"Invalid API key or JWT"
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _refuse  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.fixture
def unauthorized() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Unauthorized)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class TestServers:
    def test_that_refuse_the_connection(self) -> None:
        retriever = Retriever(
            "http://127.0.0.1:9",
            encoder=WordEncoder(),
            timeout_s=2,  # type: ignore[arg-type]
        )
        with retriever, pytest.raises(EngineConnectionError, match=r"127\.0\.0\.1:9"):
            retriever.search("heart")
        retriever = Retriever(
            "http://127.0.0.1:9",
            encoder=WordEncoder(),
            timeout_s=2,  # type: ignore[arg-type]
        )
        with retriever, pytest.raises(EngineConnectionError):
            retriever.upsert(STORED)

    @pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
    @pytest.mark.parametrize("key", [None, "wrong"])
    def test_that_refuse_the_key(self, unauthorized: str, key: str | None) -> None:
        retriever = Retriever(
            unauthorized,
            encoder=WordEncoder(),
            api_key=key,
            timeout_s=5,  # type: ignore[arg-type]
        )
        with retriever:
            with pytest.raises(AuthenticationError, match=r"api_key|API key"):
                retriever.search("heart")
            with pytest.raises(AuthenticationError):
                retriever.upsert(STORED)

    @pytest.mark.parametrize(
        "url", ["", "localhost 6333", "http://local host", "http://[::1", "ftp://localhost"]
    )
    def test_addresses_that_are_none(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"url is .*: expected http://host:port"):
            Retriever(url, encoder=WordEncoder())
