"""Domains with a known answer: disjoint items, one hidden dynamic, and one hostile domain.

Users of the friendly domains walk round a hidden cycle of three states, each with an item of the user's own; of twenty
steps three go astray. The rule (what came three steps ago comes again) is the same in every friendly domain and speaks
of no item, so the few users of the target can take it over from the sources. In the hostile domain nobody ever comes
back to an item.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

CYCLE = 3
N_ITEMS = 24
LENGTH = 14
ASTRAY = 0.15


def draw_sequences(rng: np.random.Generator, users: int, hostile: bool) -> list[list[int]]:
    """Draw the users' item sequences, items from 0 to ``N_ITEMS - 1``."""
    sequences = []
    for _ in range(users):
        own = rng.permutation(N_ITEMS)
        if hostile:
            sequences.append(own[:LENGTH].tolist())
            continue
        astray = rng.random(LENGTH) < ASTRAY
        walk = np.where(astray, rng.integers(N_ITEMS, size=LENGTH), own[np.arange(LENGTH) % CYCLE])
        sequences.append(walk.tolist())
    return sequences


def write_domain(root: Path, name: str, sequences: list[list[int]], rng: np.random.Generator) -> None:
    """Write an atomic file with tokens of the domain's own, lines in random order, timestamps in milliseconds."""
    lines = []
    for user, items in enumerate(sequences):
        times = 1_600_000_000_000 + np.cumsum(rng.integers(1, 5_000, len(items)))
        lines += [f"{name}-u{user}\t{name}-i{item}\t{time}" for item, time in zip(items, times, strict=True)]
    rng.shuffle(lines)
    folder = root / name
    folder.mkdir(parents=True)
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines])
    (folder / f"{name}.inter").write_text(text + "\n")


TARGET = "planted-target"
FRIENDLY = ["planted-a", "planted-b"]
HOSTILE = "planted-hostile"


def write_suite(root: Path, seed: int = 0, target_users: int = 60, source_users: int = 300) -> None:
    """Write the target, two friendly sources and a hostile one."""
    rng = np.random.default_rng(seed)
    write_domain(root, TARGET, draw_sequences(rng, target_users, hostile=False), rng)
    for name in FRIENDLY:
        write_domain(root, name, draw_sequences(rng, source_users, hostile=False), rng)
    write_domain(root, HOSTILE, draw_sequences(rng, source_users, hostile=True), rng)


def settings(root: Path, **changes: object) -> dict[str, object]:
    """Return settings of a small MetaRec on the planted suite."""
    return {
        "model": "MetaRec",
        "dataset": TARGET,
        "source_datasets": [*FRIENDLY, HOSTILE],
        "data_path": str(root),
        "gpu_id": "",
        "show_progress": False,
        "state": "ERROR",
        "seed": 1,
        "hidden_size": 32,
        "n_layers": 1,
        "inner_size": 64,
        "hidden_dropout_prob": 0.1,
        "positions": "start",  # from the end, the target's few users find the rule by themselves
        "quantizer_heads": 4,
        "codebook_size": 32,
        "train_batch_size": 64,
        "learning_rate": 3e-3,
        "warmup_epochs": 2,
        "meta_epochs": 20,
        "epochs": 60,
        **changes,
    }


# -- domains whose items have features ------------------------------------------------------------------------------

KINDS = 6
N_FEATURED = 90
FEATURED_LENGTH = 8
FEATURED_TARGET, FEATURED_SOURCES = "featured-target", ["featured-a", "featured-b"]


def write_featured_domain(root: Path, name: str, users: int, rng: np.random.Generator) -> None:
    """Write a domain in which an item of one kind is followed by an item of the next kind, whichever.

    Kinds are the same in every domain, and named by words of the title, by the price, and by the picture's vector; of
    every tenth item the title is missing, of another tenth the price, of another the picture.
    """
    kind = rng.permutation(np.arange(N_FEATURED) % KINDS)
    sequences = []
    for _ in range(users):
        first = rng.integers(KINDS)
        walk = [rng.choice(np.flatnonzero(kind == (first + step) % KINDS)) for step in range(FEATURED_LENGTH)]
        sequences.append([int(item) for item in walk])
    write_domain(root, name, sequences, rng)
    lines = ["item_id:token\ttitle:token_seq\tbrand:token\tprice:float"]
    for item, own in enumerate(kind):
        title = f"word{own} term{own} noise{rng.integers(20)}" if item % 10 else ""
        price = f"{0.3 * 4.0**own:.2f}" if item % 10 != 1 else ""
        lines.append(f"{name}-i{item}\t{title}\t\t{price}")
    (root / name / f"{name}.item").write_text("\n".join(lines) + "\n")
    pictured = [item for item in range(N_FEATURED) if item % 10 != 2]
    vectors = np.eye(8)[kind[pictured]] + 0.1 * rng.standard_normal((len(pictured), 8))
    items = np.array([f"{name}-i{item}" for item in pictured])
    np.savez(root / name / f"{name}.image.npz", item_id=items, vector=vectors.astype(np.float16))


def write_featured_suite(root: Path, seed: int = 0, target_users: int = 40, source_users: int = 300) -> None:
    """Write a sparse target and two sources."""
    rng = np.random.default_rng(seed)
    write_featured_domain(root, FEATURED_TARGET, target_users, rng)
    for name in FEATURED_SOURCES:
        write_featured_domain(root, name, source_users, rng)


def featured_settings(root: Path, **changes: object) -> dict[str, object]:
    """Return settings of a small ANT on the suite with features."""
    return {
        "model": "ANT",
        "dataset": FEATURED_TARGET,
        "source_datasets": FEATURED_SOURCES,
        "data_path": str(root),
        "gpu_id": "",
        "show_progress": False,
        "state": "ERROR",
        "seed": 1,
        "hidden_size": 16,
        "n_layers": 1,
        "inner_size": 32,
        "hidden_dropout_prob": 0.1,
        "n_experts": 2,
        "text_size": 16,
        "max_bad_features": 0.2,
        "train_batch_size": 32,
        "pretrain_batch_size": 64,
        "pretrain_epochs": 5,
        "learning_rate": 3e-3,
        "epochs": 20,
        **changes,
    }
