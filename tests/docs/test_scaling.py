"""The page that sizes a big load shows what the script prints."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sizing import Load, report

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scaling.md"


def test_its_table_is_what_the_script_prints() -> None:
    assert report(Load()) in PAGE.read_text(encoding="utf-8")


def test_hours_follow_from_the_rate() -> None:
    small, large = report(Load(documents=1_000_000)), report(Load(documents=2_000_000))
    assert "2 GB" in small  # 1e6 documents of 1,500 bytes, rounded
    assert "3 GB" in large
