"""The memory of the target's own transitions alone, as a model: the baseline of everything that is learnt."""

from recbole_metarec.models.memory.settings import MemorySettings
from recbole_metarec.models.spec import ModelSpec

SPEC = ModelSpec(
    name="Memory",
    model="recbole_metarec.models.memory.model:Memory",
    trainer="recbole_metarec.models.memory.trainer:MemoryTrainer",
    settings=MemorySettings,
    unread=("memory_weight", "shared_items"),  # there is nothing else to weigh, and no clock
)
