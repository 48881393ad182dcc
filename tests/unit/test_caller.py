"""Warnings point at the code that called the package, from however deep inside."""

from __future__ import annotations

import warnings
from typing import Any

from splade_sdk.caller import stacklevel

WARN = "def warn(): warnings.warn('cut', UserWarning, stacklevel=stacklevel())"
GLOBALS = {"warnings": warnings, "stacklevel": stacklevel}


def test_they_point_past_the_package() -> None:
    namespace: dict[str, Any] = {
        "__name__": "splade_sdk.somewhere",
        "warnings": warnings,
        "stacklevel": stacklevel,
    }
    exec(f"def call(inner, *rest): return inner(*rest)\n{WARN}", namespace)
    call, warn = namespace["call"], namespace["warn"]
    for path in ((warn,), (call, warn), (call, call, warn)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            path[0](*path[1:])
        assert caught[0].filename == __file__


def test_a_package_of_another_name_is_not_taken_for_this_one() -> None:
    namespace: dict[str, Any] = {
        "__name__": "splade_sdk_user",
        "warnings": warnings,
        "stacklevel": stacklevel,
    }
    exec(compile(WARN, "theirs.py", "exec"), namespace)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        namespace["warn"]()
    assert caught[0].filename == "theirs.py"
