"""Single values as JSON has them, the same for what is stored and what is filtered by; pure."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from typing import Any

import numpy as np

__all__ = ["EXACT", "fits_64_bits", "iso_datetime", "plain"]

EXACT = 2**53
"""Whole numbers up to this size are exact as floats, and ranges compare floats."""


def fits_64_bits(value: int) -> bool:
    """Return whether Qdrant can hold a whole number."""
    return -(2**63) <= value < 2**63


def plain(value: Any) -> Any:
    """Return a value without numpy's types, and a whole float as an int; others as they are.

    JSON knows one kind of number, but Qdrant tells 2024.0 from 2024 in a match: both are 2024
    here. Times of numpy become datetimes, to the microsecond, which is as much as Qdrant compares;
    what is not a time (NaT) becomes NaN.
    """
    if isinstance(value, np.datetime64):
        return _moment(value)
    if isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, date) and value != value:
        return math.nan  # pandas' NaT
    return value


def _moment(value: np.datetime64) -> Any:
    if np.isnat(value):
        return math.nan
    days = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
    moment = value.astype("datetime64[D]" if days else "datetime64[us]").item()
    return moment if isinstance(moment, date) else value  # datetime ends with the year 9999


def iso_datetime(value: date) -> str:
    """Return a date as an ISO 8601 string; one without a time zone is taken as UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value.isoformat()
