"""RecBole's collector of what metrics need, with the ranks of targets."""

# Shapes: B rows.

from __future__ import annotations

from typing import Any

import torch
from recbole.config import Config
from recbole.evaluator import Collector
from torch import Tensor

from recbole_metarec.evaluation.ranking import top_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets


class RankCollector(Collector):  # type: ignore[misc]
    """RecBole's collector, which keeps the ranks of targets, and holds no matrix of users by items to find them.

    Attributes
    ----------
    targets : Targets or None
        Of the last evaluation, users and items by their numbers. ``None`` if no metric asked for ranks.
    ranks : int64 array, shape (n_rows,), or None
        Their ranks, from 1 to the largest ``topk``, 0 below. Of several targets of a user that are ranked at once each
        ranks among all candidates, with ``mask_history`` but for the earlier ones.
    """

    targets: Targets | None = None
    ranks: Ranks | None = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []

    @property
    def wants_ranks_alone(self) -> bool:
        """Whether the metrics are functions of the targets' ranks."""
        others = ("rec.items", "rec.meanrank", "rec.score", "data.label")
        return self.register.need("rec.topk") and not any(self.register.need(name) for name in others)

    def collect_ranks(self, users_B: Tensor, items_B: Tensor, ranks_B: Tensor) -> None:
        """Take note of a batch of rows with one target each.

        Parameters
        ----------
        users_B, items_B : LongTensor, shape (B,)
            Numbers of the users and of their targets.
        ranks_B : LongTensor, shape (B,)
            From 1; 0 is no hit.
        """
        hits = ranks_B[:, None] == torch.arange(1, max(self.topk) + 1, device=ranks_B.device)
        self.data_struct.update_tensor("rec.topk", torch.cat([hits, torch.ones_like(hits[:, :1])], 1).int())
        self._keep(users_B, items_B, ranks_B.where(ranks_B <= max(self.topk), 0))

    def eval_batch_collect(
        self, scores_tensor: Tensor, interaction: Any, positive_u: Tensor, positive_i: Tensor
    ) -> None:
        """Collect what the metrics need from a batch of scores; see RecBole's ``Collector``."""
        if not self.register.need("rec.topk"):
            super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
            return
        users_B = interaction[self.config["USER_ID_FIELD"]].cpu()
        if len(users_B) != len(scores_tensor):  # sampled candidates repeat a row's user
            users_B = torch.unique_consecutive(users_B)
        rows, items = (part.to(scores_tensor.device) for part in (positive_u, positive_i))
        ranks = top_ranks(scores_tensor, rows, items, max(self.topk), bool(self.config["mask_history"]))
        if self.wants_ranks_alone and torch.equal(rows.cpu(), torch.arange(len(scores_tensor))):
            self.collect_ranks(users_B, items, ranks)
        else:
            self._keep(users_B[rows.cpu()], items, ranks)
            super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)

    def get_data_struct(self) -> Any:
        """Return RecBole's evaluation resources, and keep the targets with their ranks."""
        self.targets = self.ranks = None
        if self._batches:
            users, items, ranks = (torch.cat(part).numpy() for part in zip(*self._batches, strict=True))
            self.targets, self.ranks = Targets(users, items), ranks
        self._batches = []
        return super().get_data_struct()

    def _keep(self, users: Tensor, items: Tensor, ranks: Tensor) -> None:
        self._batches.append((users.cpu(), items.cpu(), ranks.cpu()))
