from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    MissingDependencyError,
)
from splade_sdk.qdrant import open as opening
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.embedded import EmbeddedCollection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.qdrant.server import ServerCollection
from tests.contracts.fake_server import FakeServer


@pytest.fixture
def without_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: None)


def test_a_path_is_embedded(tmp_path: Path, fingerprint: Fingerprint) -> None:
    with open_collection(
        Address(path=tmp_path, collection="docs"), fingerprint=fingerprint
    ) as made:  # type: ignore[attr-defined]
        assert isinstance(made, EmbeddedCollection)
    assert (tmp_path / "docs").is_dir()


def test_memory_is_embedded_in_a_temporary_folder(fingerprint: Fingerprint) -> None:
    settings = CollectionSettings(sparse_vector="other")
    made: Any = open_collection(
        Address(url=":memory:", collection="docs"), fingerprint=fingerprint, settings=settings
    )
    assert isinstance(made, EmbeddedCollection)
    assert made.contract.settings == settings
    made.close()


def test_a_url_is_a_server(server: FakeServer, fingerprint: Fingerprint) -> None:
    made: Any = open_collection(Address(url=server.url, collection="docs"), fingerprint=fingerprint)
    assert isinstance(made, ServerCollection)
    made.close()


@pytest.mark.usefixtures("without_edge")
class TestWithoutTheExtra:
    def test_a_path_is_local_mode_with_a_warning(
        self, tmp_path: Path, fingerprint: Fingerprint
    ) -> None:
        with pytest.warns(UserWarning, match=r"local mode.*pip install 'splade-sdk\[edge\]'"):
            made: Any = open_collection(
                Address(path=tmp_path, collection="docs"), fingerprint=fingerprint
            )
        assert isinstance(made, ServerCollection)
        made.close()

    def test_memory_is_local_mode(self, fingerprint: Fingerprint) -> None:
        made: Any = open_collection(
            Address(url=":memory:", collection="docs"), fingerprint=fingerprint
        )
        assert isinstance(made, ServerCollection)
        made.close()

    @pytest.mark.filterwarnings("ignore:qdrant-edge-py is not installed")
    def test_an_embedded_index_names_what_to_install(
        self, tmp_path: Path, fingerprint: Fingerprint
    ) -> None:
        EmbeddedCollection.open(tmp_path, name="docs", fingerprint=fingerprint).close()
        with pytest.raises(CollectionMismatchError, match=r"embedded engine.*splade-sdk\[edge\]"):
            open_collection(Address(path=tmp_path, collection="docs"), fingerprint=fingerprint)

    def test_nothing_is_made_unless_asked_for(
        self, tmp_path: Path, fingerprint: Fingerprint
    ) -> None:
        with pytest.raises(CollectionNotFoundError, match="upsert"):
            open_collection(
                Address(path=tmp_path / "new", collection="docs"),
                fingerprint=fingerprint,
                create=False,
            )
        assert not (tmp_path / "new").exists()

    def test_the_adapter_itself_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "qdrant_edge", None)
        monkeypatch.delitem(sys.modules, "splade_sdk.qdrant.embedded")
        with pytest.raises(MissingDependencyError, match=r"pip install 'splade-sdk\[edge\]'"):
            import splade_sdk.qdrant.embedded  # noqa: F401
