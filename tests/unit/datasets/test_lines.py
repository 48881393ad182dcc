import gzip
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from splade_sdk.datasets import lines
from splade_sdk.datasets.line_file import LineFile
from splade_sdk.datasets.lines import read_lines, read_rows
from splade_sdk.errors import InvalidDataError, MissingDependencyError

PACKERS = [(".gz", gzip.compress), (".zst", zstandard.compress)]


def test_lines_have_their_places_and_keep_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffé\r\n\nlast".encode())
    assert list(read_lines(path)) == [
        (f"{path}, line 1", "é\r\n"),
        (f"{path}, line 2", "\n"),
        (f"{path}, line 3", "last"),
    ]


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
@pytest.mark.parametrize("read", [lambda path: list(read_rows(path)), LineFile])
def test_a_damaged_archive_is_named_with_its_line(
    tmp_path: Path,
    suffix: str,
    pack: Callable[[bytes], bytes],
    read: Callable[[Path], object],
) -> None:
    rows = b"".join(b'{"n": "%s"}\n' % os.urandom(40).hex().encode() for _ in range(4000))
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(pack(rows)[:-20])
    with pytest.raises(InvalidDataError, match=rf"a\.jsonl\{suffix}, line \d+: cannot be unpacked"):
        read(path)


def test_frames_one_after_the_other_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    path.write_bytes(zstandard.compress(b"a\nb") + zstandard.compress(b"c\n"))
    assert [line for _, line in read_lines(path)] == ["a\n", "bc\n"]


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_a_line_without_end_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(pack(b"x" * 999 + b"\n" + b"x" * 10**6))
    with pytest.raises(InvalidDataError, match="line 2: more than 1,000 bytes"):
        list(read_lines(path))


def test_without_zstandard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependencyError, match=r"splade-sdk\[train\]"):
        list(read_lines(tmp_path / "a.zst"))
