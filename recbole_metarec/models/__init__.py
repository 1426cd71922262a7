"""The models of this package, by name."""

from __future__ import annotations

from recbole_metarec.models import ant, ensemble, evidence, memory, metarec
from recbole_metarec.models.spec import ModelSpec

SPECS: dict[str, ModelSpec] = {
    spec.name: spec for spec in (metarec.SPEC, ant.SPEC, evidence.SPEC, memory.SPEC, ensemble.SPEC)
}
"""The specification of each model; `recbole_metarec.register` adds others."""


def listed_models() -> list[str]:
    """Return the names that users can ask for."""
    return [name for name, spec in SPECS.items() if spec.is_listed]


def can_transfer(model: str) -> bool:
    """Whether a model of some name, of this package or not, is one that learns from sources where there are any."""
    return model in SPECS and SPECS[model].scratch is not None
