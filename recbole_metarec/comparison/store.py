"""Where a comparison keeps its finished runs: one file each, named by all that decides it, never computed twice."""

from __future__ import annotations

from pathlib import Path

from recbole_metarec.bridge.identity import digest
from recbole_metarec.configuration.layers import Resolved


def run_file(folder: Path, label: str, resolved: Resolved) -> Path:
    """Return the file of a run.

    Parameters
    ----------
    folder : Path
        Of the comparison's runs.
    label : str
        Of the entry.
    resolved : Resolved
        Settings of the run, the seed among them.

    Returns
    -------
    Path
        Another one for other settings, other content of the domains' files and another version of this package.
    """
    name = f"{label.replace(':', '-')}-{resolved['dataset']}-{resolved['seed']}"
    return folder / f"{name}-{digest(resolved.model, resolved.values)}.json"
