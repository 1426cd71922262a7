"""The gate that losses and gradients pass: finite, or the batch is skipped, or training breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from logging import getLogger
from typing import Any

import torch
from torch import Tensor

from recbole_metarec.training.optimizer import TableOptimizer


def batch_name(domain: str, epoch: int, step: int) -> str:
    """Name a batch of a domain, as messages do."""
    return f"batch {step + 1:,} of epoch {epoch + 1:,} on {domain}"


def take_step(
    optimizer: TableOptimizer, clip: Mapping[str, Any] | None, gate: FiniteGate, loss: Tensor, name: str
) -> bool:
    """Clip the gradients, let the gate see them, move the parameters if it admits them, and forget the gradients.

    Parameters
    ----------
    optimizer : TableOptimizer
        Of parameters that have their gradients.
    clip : mapping, or None
        Arguments of `TableOptimizer.clip`.
    gate : FiniteGate
    loss : Tensor, scalar
        Detached.
    name : str
        Of the batch and the domain that the step is taken on; see `batch_name`.

    Returns
    -------
    bool
        Whether the parameters have moved.
    """
    admitted = gate.admits(loss, optimizer.clip(**(clip or {"max_norm": torch.inf})), name)
    if admitted:
        optimizer.step()
    optimizer.zero_grad()
    return admitted


class FiniteGate:
    """Stops what is not finite: at once where batches may be skipped, else without waiting for the device.

    Parameters
    ----------
    device : torch.device
        Where losses are.
    advice : str
        What the message says to do.
    most_bad : int
        So many batches may be skipped.

    Attributes
    ----------
    bad : int
        Batches that were skipped.
    """

    def __init__(self, device: torch.device, advice: str, most_bad: int = 0) -> None:
        self.advice, self.most_bad, self.bad = advice, most_bad, 0
        # number of the first step that was not finite, its loss and gradient norm
        self._broken = torch.full((3,), -1.0, device=device)
        self._names = list[str]()

    def admits(self, loss: Tensor, norm: Tensor, name: str) -> bool:
        """Tell whether a step may be taken; where no batch may be skipped, `check` finds what was wrong.

        Parameters
        ----------
        loss : Tensor, scalar
        norm : Tensor, scalar
            Of its gradients.
        name : str
            Of the batch.

        Raises
        ------
        FloatingPointError
            If the step is not finite, and no further one may be skipped.
        """
        if not self.most_bad:
            self.note(loss, norm, name)
            return True
        if bool(torch.isfinite(loss + norm)):
            return True
        self.bad += 1
        if self.bad > self.most_bad:
            wrong = _wrong(float(loss), float(norm), name)
            raise FloatingPointError(f"{wrong}, behind {self.most_bad} that were skipped; {self.advice}")
        getLogger().warning(f"{_wrong(float(loss), float(norm), name)}: it is skipped")
        return False

    def note(self, loss: Tensor, norm: Tensor, name: str) -> None:
        """Take note of a loss and a norm, without a look at them."""
        found = torch.stack([torch.full_like(loss, len(self._names)), loss, norm])
        self._broken = torch.where((self._broken[0] < 0) & ~torch.isfinite(norm + loss), found, self._broken)
        self._names.append(name)

    def check(self) -> None:
        """Look whether all that was noted since the last look was finite.

        Raises
        ------
        FloatingPointError
            If a loss or a gradient was not.
        """
        number, loss, norm = self._broken.tolist()
        names, self._names = self._names, []
        if number >= 0:
            raise FloatingPointError(f"{_wrong(loss, norm, names[int(number)])}; {self.advice}")


def _wrong(loss: float, norm: float, name: str) -> str:
    return f"loss {loss:g} or gradient norm {norm:g} is not finite in {name}"
