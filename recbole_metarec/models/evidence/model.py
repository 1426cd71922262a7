"""Evidence alone as a RecBole model."""

from __future__ import annotations

from recbole_metarec.models.memory.model import Memory


class Evidence(Memory):
    """What the target's interactions say on the day of a request, weighed as sources and target teach.

    Without a clock it is the memory of transitions alone.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration, with the ``evidence_*`` and ``memory_*`` keys of ``properties/overall.yaml``.
    dataset : DomainDataset
        Training part of the target domain.
    """

    evidence_knows_clock = True
