"""What the parameters of a module are to other domains than the one they were learnt on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Role(Enum):
    """What becomes of a parameter when a pre-trained model is adapted to a target by re-learning."""

    ENCODER = "reads sequences, in every domain alike: taken over, and kept"
    INPUT = "fits item vectors to the encoder: taken over, and learns on"
    VALUES = "stands for values that mean the same in every domain, as prices do: taken over where both have it"
    ITEMS = "is of a domain's own items: drawn anew"


def role_of(name: str, roles: Mapping[str, Role]) -> Role:
    """Return the role of a parameter: that of the longest beginning of its name that has one.

    Parameters
    ----------
    name : str
        Of a parameter, as in ``state_dict``.
    roles : mapping of str to Role
        By name, or by the beginning of names up to a dot; ``""`` begins all.

    Returns
    -------
    Role
    """
    parts = name.split(".")
    beginnings = [".".join(parts[:length]) for length in range(len(parts), -1, -1)]
    return next(roles[beginning] for beginning in beginnings if beginning in roles)


def within(prefix: str, roles: Mapping[str, Role]) -> dict[str, Role]:
    """Return the roles of a submodule as its parent names them."""
    return {f"{prefix}.{name}" if name else prefix: role for name, role in roles.items()}
