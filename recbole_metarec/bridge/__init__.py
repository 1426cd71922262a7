"""All that touches RecBole; importing any of it applies the patches and registers the models first."""

from recbole_metarec.bridge.registry import register

register()
