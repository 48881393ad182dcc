"""Which pairs are used, and how many of each: for training, only those that let a model ship.

Names are files of the data folder; its README gives sources and licences. MS MARCO and whatever
else is for research only is left out.
"""

from __future__ import annotations

__all__ = ["DEVELOPMENT", "TRAINING"]

TRAINING: dict[str, int] = {
    "squad-nqg-sent": 5000,
    "papers-title-abstract": 4500,
    "squadshifts-newwiki": 2500,
    "squadshifts-amazon": 1500,
    "medquad": 2500,
    "scitldr": 2000,
    "openstax-sections": 1500,
    "covidqa": 1200,
    "pubmedqa-l": 800,
    "wordnet-gloss": 1200,
    "openstax-glossary": 500,
    "debian-descriptions": 900,
    "docs-aws": 900,
    "docs-ms-win32": 500,
    "docs-ms-powershell": 400,
    "docs-ms-cpp": 300,
    "docs-d2l": 300,
    "docs-redis": 200,
    "policyqa-devtest": 200,
    "dict-jargon": 200,
}
"""Examples drawn from each file."""

DEVELOPMENT: dict[str, dict[str, int]] = {
    "development": {"bioasq-pairs": 700, "squadshifts-reddit": 900},
    "development-forum": {"medical-forum-qa": 800},
    "development-manual": {"docs-ms-d365bc": 800},
}
"""Pairs of files that training never sees: settings and checkpoints are chosen by them.

The forum's may not be passed on, nor may what is trained on them; it only judges.
"""
