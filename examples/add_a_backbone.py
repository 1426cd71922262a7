"""A sequence model of your own in MetaRec: one class, and its name in a table.

python examples/add_a_backbone.py
"""

import torch
from made_up_tables import write_datasets
from torch import nn

import recbole_metarec as rm
from recbole_metarec.nn.backbones import BACKBONES, Backbone


class Fading(Backbone):
    """A mean of all items so far in which older ones count less; how much less is learnt for each channel."""

    def __init__(self, width, dropout):
        super().__init__()
        self.fades = nn.Parameter(torch.zeros(width))
        self.out = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width))

    @classmethod
    def from_settings(cls, settings):
        """Build it of the keys of the group Backbone, as --hidden_size and --hidden_dropout_prob."""
        return cls(settings.hidden_size, settings.hidden_dropout_prob)

    def forward(self, x_BLD, length_B=None, *, twice_differentiable=False):
        """Encode B sequences of L positions in D channels: a state depends on its position and earlier ones alone."""
        keep_D = torch.sigmoid(self.fades)
        state_BD, states = torch.zeros_like(x_BLD[:, 0]), []
        for x_BD in x_BLD.unbind(1):
            state_BD = keep_D * state_BD + (1 - keep_D) * x_BD
            states.append(state_BD)
        return self.out(torch.stack(states, 1))


BACKBONES["fading"] = Fading

# From here on it is a backbone as all others: --backbone=fading in this process, also in rm.compare.
settings = write_datasets("made-up")
few = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 3, "MAX_ITEM_LIST_LENGTH": 10}  # to see that it runs
quick = {"source_datasets": ["antwerp"], "scratch_control": False, "evidence_worth": False}
for backbone in ("fading", "gru"):
    (trained,) = rm.run({**settings, **few, **quick}, model="MetaRec", backbone=backbone)
    print(f"{backbone}: NDCG@10 {trained.test['ndcg@10']:.4f}, {trained.seconds:.0f} s")

# A checkpoint names its backbone: whoever loads it puts the class into the table first.
rec = rm.load(trained.checkpoint)
print([rec.titles[each.item_id] for each in rec.recommend([["C104"]], k=3, at="2026-05-23")[0]])
