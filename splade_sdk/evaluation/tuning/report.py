"""What tuning found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from splade_sdk.evaluation.significance import PairedTest
from splade_sdk.retrieval.search.options import SearchSettings

__all__ = ["TuningPoint", "TuningReport", "TuningSeconds"]


@dataclass(frozen=True, slots=True)
class TuningPoint:
    """Some settings with their quality and cost, over all queries.

    Attributes:
        settings: The settings.
        value: Mean of the metric.
        difference: To the defaults, by the queries that may have chosen the settings.
        bytes_read: Bytes of the inverted index that a query reads: 4 for a document, and those of
            its weight.
        postings: Postings that a query reads.
        index_bytes: Size of the sparse vectors' files; None where the engine keeps none.
        search_ms: Median time of a search by each leg alone, added up, in milliseconds.
        frontier: Whether no other point is at least as good, reads as little and is as small.
    """

    settings: SearchSettings
    value: float
    difference: PairedTest
    bytes_read: float
    postings: float
    index_bytes: int | None
    search_ms: float
    frontier: bool = False


@dataclass(frozen=True, slots=True)
class TuningSeconds:
    """Where the time went.

    Attributes:
        prepare: Reading vectors, and encoding queries.
        choose: Searching the legs under each pruning, fusing and scoring.
        measure: Making collections of pruned vectors, for their size and speed.
    """

    prepare: float
    choose: float
    measure: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.prepare + self.choose + self.measure


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningReport:
    """Which settings to search with, and how sure that is.

    Attributes:
        metric: What was tuned for.
        queries: Number of judged queries.
        folds: Parts of them: what one part is judged by was chosen by the others.
        tolerance: Mean of the metric that might be lost to make searches cheaper.
        default: What is searched by default.
        default_value: Mean of the metric by default.
        chosen: The best settings by all queries: with a tolerance, the cheapest of those that lose
            no more.
        gain: Of settings that were chosen without the queries they are judged by, over the
            defaults. Its interval does not count that folds share queries.
        choices: What was chosen for each fold.
        points: The defaults, the chosen settings, and other prunings and types of weights of them.
        scored: Number of settings that were tried.
        seconds: Where the time went.
    """

    metric: str
    queries: int
    folds: int
    tolerance: float
    default: SearchSettings
    default_value: float
    chosen: SearchSettings
    gain: PairedTest
    choices: tuple[SearchSettings, ...]
    points: tuple[TuningPoint, ...]
    scored: int
    seconds: TuningSeconds

    @property
    def better(self) -> bool:
        """Whether tuning gains by more than chance, on queries it has not seen."""
        return self.gain.low > 0

    @property
    def cheaper(self) -> bool:
        """Whether searches become cheaper, and lose no more than the tolerance beyond doubt."""
        if not self.tolerance or self.gain.low < -self.tolerance:
            return False
        return self._cost(self.chosen) < self._cost(self.default)

    @property
    def recommended(self) -> SearchSettings:
        """The chosen settings where they are better or cheaper, else the defaults."""
        return self.chosen if self.better or self.cheaper else self.default

    @property
    def verdict(self) -> str:
        """The recommendation in a sentence."""
        gain = f"{self.gain.mean:+.4f} ({self.gain.low:+.4f} to {self.gain.high:+.4f})"
        on = f"{self.metric} on queries it has not seen: {gain}"
        if self.better:
            return f"Tuning gains {on}. Use the chosen settings."
        if self.cheaper:
            share = self._cost(self.chosen) / self._cost(self.default)
            return (
                f"Tuning reads {share:.0%} of the bytes by default, and changes {on}, within the "
                f"tolerance of {self.tolerance:g}. Use the chosen settings."
            )
        return f"The defaults are as good: tuning changes {on}. Keep the defaults."

    def _cost(self, settings: SearchSettings) -> float:
        return next(each.bytes_read for each in self.points if each.settings == settings)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""

        def told(settings: SearchSettings) -> dict[str, Any]:
            values: dict[str, Any] = settings.model_dump(mode="json")
            return values

        return {
            "metric": self.metric,
            "queries": self.queries,
            "folds": self.folds,
            "tolerance": self.tolerance,
            "verdict": self.verdict,
            "better": self.better,
            "cheaper": self.cheaper,
            "recommended": told(self.recommended),
            "default": told(self.default),
            "default_value": self.default_value,
            "chosen": told(self.chosen),
            "gain": asdict(self.gain),
            "choices": [told(each) for each in self.choices],
            "points": [
                {
                    "settings": told(each.settings),
                    "value": each.value,
                    "difference": asdict(each.difference),
                    "bytes_read": each.bytes_read,
                    "postings": each.postings,
                    "index_bytes": each.index_bytes,
                    "search_ms": each.search_ms,
                    "frontier": each.frontier,
                }
                for each in self.points
            ],
            "scored": self.scored,
            "seconds": {**asdict(self.seconds), "total": self.seconds.total},
        }
