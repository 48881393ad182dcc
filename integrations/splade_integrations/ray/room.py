"""How many workers run, and what each takes of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types.arguments import require_whole

__all__ = ["Room"]

_READING_CPUS = 1.0  # what Ray reserves for a task that reads or cuts blocks


@dataclass(frozen=True, slots=True)
class Room:
    """Workers and their share of the cluster.

    Attributes:
        least: Workers at the same time at least.
        most: At most; None for as many as there is room for.
        num_cpus: Cores reserved for each.
        num_gpus: GPUs reserved for each.
    """

    least: int
    most: int | None
    num_cpus: float
    num_gpus: float

    @classmethod
    def make(
        cls, num_actors: int | tuple[int, int] | None, num_cpus: float, num_gpus: float
    ) -> Room:
        """Return the room that the arguments of ``index_dataset`` ask for.

        Raises:
            InvalidTypeError: if one is no number, or no pair of them.
            ConfigError: if one is out of range.
        """
        if num_actors is None:
            least, most = 1, None
        elif isinstance(num_actors, tuple):
            if len(num_actors) != 2:
                raise InvalidTypeError(
                    f"num_actors is {num_actors!r}: expected a number, or the least and the most"
                )
            least = require_whole(num_actors[0], "num_actors[0]", least=1)
            most = require_whole(num_actors[1], "num_actors[1]", least=least)
        else:
            least = most = require_whole(num_actors, "num_actors", least=1)
        cpus = _require_share(num_cpus, "num_cpus")
        gpus = _require_share(num_gpus, "num_gpus")
        return cls(least, most, cpus, gpus)

    def require_for_reading(self, cluster: Mapping[str, float]) -> None:
        """Check that the workers leave a core for the tasks that read the dataset.

        Otherwise they would wait for blocks without end, and the reading tasks for them.

        Args:
            cluster: What the cluster has, by name of the resource.

        Raises:
            ConfigError: if they leave less.
        """
        has = cluster.get("CPU", 0.0)
        if self.least * self.num_cpus + _READING_CPUS > has:
            raise ConfigError(
                f"{self.least} workers of {self.num_cpus:g} CPUs leave no CPU of the cluster's "
                f"{has:g} to read the dataset with: give each fewer num_cpus (fractions are "
                "allowed), or fewer num_actors; where the cluster grows by itself, a pair such as "
                f"num_actors=(1, {max(self.least, 2)})"
            )


def _require_share(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} is {value!r} ({type(value).__name__}): expected a number")
    if not (isfinite(value) and value >= 0):
        raise ConfigError(f"{name} is {value}: expected 0 or more")
    return float(value)
