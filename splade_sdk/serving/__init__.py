"""The HTTP service and its search page (extra ``serve``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_sdk.serving.app import create_app
    from splade_sdk.serving.settings import ServiceSettings

__all__ = ["ServiceSettings", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "ServiceSettings":
        from splade_sdk.serving.settings import ServiceSettings

        return ServiceSettings
    if name == "create_app":
        from splade_sdk.serving.app import create_app

        return create_app
    raise AttributeError(f"module 'splade_sdk.serving' has no attribute {name!r}")
