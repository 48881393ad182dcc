from __future__ import annotations

import os
from pathlib import Path

import pytest

from splade_sdk.files import IrregularFileError, open_regular, read_regular, write_new

needs_links = pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here")


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    write_new(tmp_path / "a", "größe")
    assert read_regular(tmp_path / "a") == "größe".encode()
    write_new(tmp_path / "a", "x")
    assert read_regular(tmp_path / "a") == b"x"


@needs_links
def test_links_are_neither_read_nor_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(IrregularFileError, match="link is a symbolic link"):
        read_regular(tmp_path / "link")
    write_new(tmp_path / "link", "x")
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT])
def test_folders_and_pipes_are_refused_at_once(tmp_path: Path, flags: int) -> None:
    with pytest.raises(IrregularFileError, match="is a folder"):
        open_regular(tmp_path, flags)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(IrregularFileError, match="is a pipe"):
            open_regular(tmp_path / "pipe", flags)


def test_what_is_missing_is_the_systems_to_say(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "missing")
