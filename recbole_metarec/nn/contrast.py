"""Contrastive losses of pre-training: next items within a batch, pictures with texts."""

# Shapes: N positions, U distinct items, D width.

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def next_item_contrast(
    states_ND: Tensor,
    items_UD: Tensor,
    targets_N: Tensor,
    temperature: float,
    groups: tuple[Tensor, Tensor] | None = None,
    times_U: Tensor | None = None,
) -> Tensor:
    """Cross entropy of each position's target among the batch's targets.

    A target that stands in the batch several times is as many negatives of other positions, and none of its own: the
    duplicates of a positive are left out, not set to 0, which would keep them as ``exp(0)``. Source: UniSRec,
    https://arxiv.org/abs/2206.05941, equation 8.

    Parameters
    ----------
    states_ND : Tensor, shape (N, D)
        Normalized states.
    items_UD : Tensor, shape (U, D)
        Normalized vectors of the batch's distinct targets.
    targets_N : LongTensor, shape (N,)
        Row of each position's target.
    temperature : float
        Of the softmax.
    groups : tuple of LongTensor, shape (N,) and (U,), optional
        Domain of each position and of each item: items of other domains are no negatives.
    times_U : LongTensor, shape (U,), optional
        How often each item is a target where these are not all positions of the batch.

    Returns
    -------
    Tensor, scalar
        Mean over positions.
    """
    times_U = torch.bincount(targets_N, minlength=len(items_UD)) if times_U is None else times_U
    log_times_U = times_U.clamp(min=1).log()
    logits_NU = (states_ND / temperature) @ items_UD.T + log_times_U
    own_N1 = targets_N[:, None]
    logits_NU = logits_NU.scatter_add(1, own_N1, -log_times_U[own_N1].to(logits_NU.dtype))
    if groups is not None:
        of_position_N, of_item_U = groups
        logits_NU = logits_NU.masked_fill(of_position_N[:, None] != of_item_U, -torch.inf)
    return cross_entropy(logits_NU, targets_N)


def image_text_contrast(images_UD: Tensor, texts_UD: Tensor, temperature: float) -> Tensor:
    """Cross entropy of each picture's own text among the texts of a batch's distinct items.

    Source: ANT's published code; one direction of CLIP, https://arxiv.org/abs/2103.00020.

    Parameters
    ----------
    images_UD, texts_UD : Tensor, shape (U, D)
        Normalized vectors of items that have both.
    temperature : float
        Of the softmax.

    Returns
    -------
    Tensor, scalar
        Mean over items; 0 without any.
    """
    if len(images_UD) == 0:
        return images_UD.new_zeros(())
    own_U = torch.arange(len(images_UD), device=images_UD.device)
    return cross_entropy((images_UD / temperature) @ texts_UD.T, own_U)
