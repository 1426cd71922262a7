"""Settings and specifications are there before anything heavy is imported, for help and completion."""

from __future__ import annotations

import subprocess
import sys

from conftest import REPOSITORY

# The package itself may import RecBole; what is below it may not.
PROGRAM = """
import importlib, pkgutil, sys, types
package = types.ModuleType("recbole_metarec")
package.__path__ = [sys.argv[1]]
sys.modules["recbole_metarec"] = package
settings = importlib.import_module("recbole_metarec.settings")
for module in pkgutil.iter_modules(settings.__path__):
    importlib.import_module(f"recbole_metarec.settings.{module.name}")
importlib.import_module("recbole_metarec.models")
print(*sorted({"torch", "recbole", "numpy", "pandas", "scipy"} & sys.modules.keys()))
"""


def test_settings_and_specifications_import_nothing_heavy() -> None:
    arguments = [sys.executable, "-c", PROGRAM, str(REPOSITORY / "recbole_metarec")]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split() == []
