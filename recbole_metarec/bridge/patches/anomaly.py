"""Anomaly detection, which is for debugging."""

from __future__ import annotations

import importlib

import torch


def apply() -> None:
    """Import RecBole's sequential models now, and leave anomaly detection as it was."""
    before = torch.is_anomaly_enabled()
    importlib.import_module("recbole.model.sequential_recommender")
    torch.autograd.set_detect_anomaly(before)
