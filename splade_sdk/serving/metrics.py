"""Metrics: counters of the service for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from splade_sdk.serving.batcher import Kind

__all__ = ["METRICS_TYPE", "Metrics"]

METRICS_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one service, in a registry of its own.

    Args:
        paths: Paths with a label of their own; all others are counted as ``other``.
    """

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "splade_requests",
            "Requests answered.",
            ("path", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "splade_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._texts = Counter(
            "splade_encoded_texts", "Texts encoded.", ("side",), registry=self._registry
        )
        self._batch_texts = Histogram(
            "splade_batch_texts",
            "Texts encoded together.",
            buckets=_TEXTS,
            registry=self._registry,
        )
        self._batch_seconds = Histogram(
            "splade_batch_duration_seconds",
            "Time to encode a batch.",
            ("side",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._waiting = Gauge(
            "splade_waiting_texts", "Texts that wait for the model.", registry=self._registry
        )

    def watch(self, waiting: Callable[[], int]) -> None:
        """Read the number of waiting texts whenever metrics are requested."""
        self._waiting.set_function(waiting)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; status 0 if the client left before the answer."""
        label = path if path in self._paths else "other"
        self._requests.labels(label, str(status)).inc()
        self._request_seconds.labels(label).observe(seconds)

    def batch(self, kind: Kind, texts: int, seconds: float) -> None:
        """Count a batch."""
        self._texts.labels(kind.side).inc(texts)
        self._batch_texts.observe(texts)
        self._batch_seconds.labels(kind.side).observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
