"""The gate that losses and gradients pass: finite, or training breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recbole_metarec.training.optimizer import TableOptimizer


def take_step(
    optimizer: TableOptimizer, clip: Mapping[str, Any] | None, gate: FiniteGate, loss: Tensor, name: str
) -> None:
    """Clip the gradients, let the gate see them, move the parameters and forget the gradients.

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
        The domain that the step is taken on.
    """
    gate.note(loss, optimizer.clip(**(clip or {"max_norm": torch.inf})), name)
    optimizer.step()
    optimizer.zero_grad()


class FiniteGate:
    """Keeps note of the first step that was not finite without waiting for the device.

    Parameters
    ----------
    device : torch.device
        Where losses are.
    advice : str
        What the message says to do.
    """

    def __init__(self, device: torch.device, advice: str) -> None:
        self.advice = advice
        # step, loss and gradient norm of the first step that was not finite
        self._broken = torch.full((3,), -1.0, device=device)
        self._steps, self._names = 0, list[str]()

    def note(self, loss: Tensor, norm: Tensor, name: str) -> None:
        """Take note of a step's loss, of its gradient's norm, and of the domain that it was taken on."""
        found = torch.stack([torch.full_like(loss, self._steps), loss, norm])
        self._broken = torch.where((self._broken[0] < 0) & ~torch.isfinite(norm + loss), found, self._broken)
        self._names.append(name)
        self._steps += 1

    def check(self) -> None:
        """Look whether all steps since the last look were finite.

        Raises
        ------
        FloatingPointError
            If a loss or a gradient was not.
        """
        step, loss, norm = self._broken.tolist()
        names, self._names = self._names, []
        if step >= 0:
            raise FloatingPointError(
                f"loss {loss} or gradient norm {norm} is not finite at step {step:.0f} on "
                f"{names[int(step) - self._steps]}; {self.advice}"
            )
