"""RecBole's collector of what metrics need, with the ranks of targets."""

# Shapes: B rows.

from __future__ import annotations

from functools import partial
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
    other_ranks : int64 array, shape (n_rows,), or None
        With ``mask_history`` the other way round, if the loader was `bridge.history.ranked_both_ways`.
    """

    targets: Targets | None = None
    ranks: Ranks | None = None
    other_ranks: Ranks | None = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._batches: list[tuple[Tensor, ...]] = []

    @property
    def wants_ranks_alone(self) -> bool:
        """Whether the metrics are functions of the targets' ranks."""
        others = ("rec.items", "rec.meanrank", "rec.score", "data.label")
        return self.register.need("rec.topk") and not any(self.register.need(name) for name in others)

    def collect_ranks(self, users_B: Tensor, items_B: Tensor, ranks_B: Tensor, other_B: Tensor | None = None) -> None:
        """Take note of a batch of rows with one target each.

        Parameters
        ----------
        users_B, items_B : LongTensor, shape (B,)
            Numbers of the users and of their targets.
        ranks_B : LongTensor, shape (B,)
            From 1; 0 is no hit.
        other_B : LongTensor, shape (B,), optional
            With history masked the other way round.
        """
        hits = ranks_B[:, None] == torch.arange(1, max(self.topk) + 1, device=ranks_B.device)
        self.data_struct.update_tensor("rec.topk", torch.cat([hits, torch.ones_like(hits[:, :1])], 1).int())
        every = [ranks_B] if other_B is None else [ranks_B, other_B]
        self._keep(users_B, items_B, *(each_B.where(each_B <= max(self.topk), 0) for each_B in every))

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
        ranked = partial(top_ranks, row_P=rows, item_P=items, k=max(self.topk))
        masks, history = bool(self.config["mask_history"]), vars(interaction).get("history")
        if history is None:
            every = [ranked(scores_tensor, one_by_one=masks)]
        else:  # not masked by the loader
            masked = scores_tensor.index_put(history, scores_tensor.new_tensor(-torch.inf))
            every = [ranked(scores_tensor), ranked(masked, one_by_one=True)]
            if masks:
                scores_tensor, every = masked, every[::-1]
        if self.wants_ranks_alone and torch.equal(rows.cpu(), torch.arange(len(scores_tensor))):
            self.collect_ranks(users_B, items, *every)
        else:
            self._keep(users_B[rows.cpu()], items, *every)
            super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)

    def get_data_struct(self) -> Any:
        """Return RecBole's evaluation resources, and keep the targets with their ranks."""
        self.targets = self.ranks = self.other_ranks = None
        if self._batches:
            users, items, self.ranks, *other = (torch.cat(part).numpy() for part in zip(*self._batches, strict=True))
            self.targets, self.other_ranks = Targets(users, items), other[0] if other else None
        self._batches = []
        return super().get_data_struct()

    def _keep(self, users: Tensor, items: Tensor, *ranks: Tensor) -> None:
        self._batches.append((users.cpu(), items.cpu(), *(each.cpu() for each in ranks)))
