"""What a checkup found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["DoctorReport", "Finding", "Severity"]

Severity: TypeAlias = Literal["error", "warning", "info"]
"""``error``: searches fail or find the wrong things; ``warning``: some documents are not found, or
searches are slow; ``info``: worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a checkup found.

    Attributes:
        check: What was checked, such as ``idf``.
        severity: How bad it is.
        what: What was found.
        advice: What to do.
    """

    check: str
    severity: Severity
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.check}: {self.what}; {self.advice}"


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What a checkup of a collection found.

    Attributes:
        collection: What was checked.
        findings: The worst first.
        checks: What was checked, found wanting or not.
    """

    collection: str
    findings: Sequence[Finding]
    checks: Sequence[str]

    @property
    def healthy(self) -> bool:
        """Whether nothing is worse than worth knowing."""
        return all(finding.severity == "info" for finding in self.findings)

    def __str__(self) -> str:
        head = f"{self.collection}: {len(self.checks)} checks, {len(self.findings)} findings"
        return "\n".join([head, *map(str, self.findings)])
