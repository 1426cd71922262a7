"""Trained models of one target as one: the mean of their scores."""

from recbole_metarec.models.memory.settings import MemorySettings
from recbole_metarec.models.spec import ModelSpec

SPEC = ModelSpec(
    name="Ensemble",
    model="recbole_metarec.models.ensemble.model:Ensemble",
    trainer="recbole_metarec.models.ensemble.trainer:EnsembleTrainer",
    settings=MemorySettings,
    members="recbole_metarec.models.ensemble.model:member_configs",
    is_listed=False,
)
