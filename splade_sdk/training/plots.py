"""Pictures of a run's log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["plot_log"]

# File, title, unit of the y axis, columns, logarithmic y axis.
_PLOTS: tuple[tuple[str, str, str, tuple[str, ...], bool], ...] = (
    ("loss", "Loss", "loss", ("loss", "ranking_loss", "sparsity_loss"), False),
    (
        "active_dims",
        "Active dimensions",
        "mean active terms a text",
        ("query_active_dims", "document_active_dims"),
        True,
    ),
    (
        "strength",
        "Regularizer strength",
        "factor of the penalty",
        ("query_strength", "document_strength"),
        True,
    ),
    ("ndcg", "nDCG@10 on the development set", "nDCG@10", ("eval_ndcg@10",), False),
)


def plot_log(log: Sequence[dict[str, float]], folder: Path) -> list[Path]:
    """Draw the curves that the log has values for.

    Args:
        log: From ``read_log``.
        folder: Where the PNG files go.

    Returns:
        The files.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, title, unit, columns, logarithmic in _PLOTS:
        present = [column for column in columns if any(column in row for row in log)]
        if not present:
            continue
        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for column in present:
            points = [(row["step"], row[column]) for row in log if column in row]
            axes.plot(*zip(*points, strict=True), label=column.replace("_", " "), marker=".")
        axes.set(title=title, xlabel="optimizer step", ylabel=unit)
        if logarithmic and any(row.get(column, 0) > 0 for row in log for column in present):
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend()
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=120)
        files.append(path)
    return files
