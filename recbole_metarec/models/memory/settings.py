"""The settings of the memory as a model."""

from __future__ import annotations

from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.optimizer import WindowSettings
from recbole_metarec.settings.suite import SuiteSettings


class MemorySettings(WindowSettings, EvidenceSettings, SuiteSettings):
    """All settings that the memory alone reads; its weight has no part in it."""
