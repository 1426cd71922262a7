"""The settings that this package adds for every model that its command line runs, RecBole's own included."""

from __future__ import annotations

from recbole_metarec.settings.comparison import ComparisonSettings
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.settings.features import AdapterSettings, FeatureSettings
from recbole_metarec.settings.protocol import ProtocolSettings
from recbole_metarec.settings.run import RunSettings
from recbole_metarec.settings.suite import SuiteSettings
from recbole_metarec.settings.time import TimeSettings


class SharedSettings(
    AdapterSettings,
    FeatureSettings,
    EvidenceSettings,
    ProtocolSettings,
    TimeSettings,
    ComparisonSettings,
    RunSettings,
    SuiteSettings,
):
    """All of them; their defaults lie above RecBole's and below those of models and datasets."""
