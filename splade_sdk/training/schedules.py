"""How the strength of a regulariser grows: pure functions of the step, from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from splade_sdk.training.registry import look_up

__all__ = ["SCHEDULES", "Schedule", "constant", "get_schedule", "linear", "quadratic"]

Schedule = Callable[[int, int], float]


def quadratic(step: int, warmup_steps: int) -> float:
    """Return ``min(1, (step / warmup_steps)^2)``, as SPLADE does; 1 without warm-up."""
    return linear(step, warmup_steps) ** 2


def linear(step: int, warmup_steps: int) -> float:
    """Return ``min(1, step / warmup_steps)``; 1 without warm-up."""
    return min(1.0, step / warmup_steps) if warmup_steps > 0 else 1.0


def constant(step: int, warmup_steps: int) -> float:
    """Return 0 during the warm-up, then 1."""
    return 0.0 if step < warmup_steps else 1.0


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "quadratic": quadratic}


def get_schedule(name: str) -> Schedule:
    """Return a schedule by its name in SCHEDULES.

    Raises:
        ConfigError: if there is none of that name.
    """
    return look_up(SCHEDULES, "schedule", name)
