"""What RecBole's own files say of its keys, models and datasets, read without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from recbole_metarec.lazy import folder_of


@cache
def listed_keys() -> tuple[str, ...]:
    """Return the keys that RecBole lists as those of the command line, of training, of evaluation and of datasets."""
    assigned = {
        target.id: ast.literal_eval(node.value)
        for node in _parsed("utils/argument_list.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    kinds = ("general", "training", "evaluation", "dataset")
    return tuple(key for kind in kinds for key in assigned[f"{kind}_arguments"])


@cache
def sequential_models() -> frozenset[str]:
    """Return the names of RecBole's sequential models."""
    return frozenset(_imported("model/sequential_recommender/__init__.py"))


@cache
def general_models() -> frozenset[str]:
    """Return the names of RecBole's general models."""
    return frozenset(_imported("model/general_recommender/__init__.py"))


@cache
def models_with_own_dataset() -> frozenset[str]:
    """Return the names of RecBole's models that have a dataset class of their own."""
    return frozenset(name.removesuffix("Dataset") for name in _own_datasets())


@cache
def models_with_knowledge_graph() -> frozenset[str]:
    """Return the names of RecBole's sequential models whose dataset has a knowledge graph."""
    return frozenset(name.removesuffix("Dataset") for name, bases in _own_datasets().items() if "KGSeqDataset" in bases)


def _own_datasets() -> dict[str, list[str]]:
    """Return the names of the dataset classes of single models, and of the classes that they extend."""
    return {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for node in _parsed("data/dataset/customized_dataset.py").body
        if isinstance(node, ast.ClassDef)
    }


def _imported(file: str) -> Iterator[str]:
    for node in _parsed(file).body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def _parsed(file: str) -> ast.Module:
    return ast.parse((folder_of("recbole") / file).read_text(encoding="utf-8"))
