"""Pages that say how models are made name functions that exist, and pages link to files that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "recbole_metarec"
DOCS = REPOSITORY / "docs"
HOW = sorted((DOCS / "how").glob("*.md"))
PAGES = [*HOW, *sorted((DOCS / "results").glob("*.md"))]
REFERENCE = re.compile(r"`([\w/]+\.py)::([\w.]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return what a module defines: functions, classes, constants, and members of classes as ``Class.member``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set(_defined(tree.body))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for name in _defined(node.body)}
    return frozenset(found)


def _defined(body: list[ast.stmt]) -> list[str]:
    found: list[str] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return found


def missing(text: str) -> list[str]:
    """Return the references of a page to what does not exist."""
    return [
        f"{place}::{name}"
        for place, name in REFERENCE.findall(text)
        if not (PACKAGE / place).is_file() or name not in names_in(PACKAGE / place)
    ]


@pytest.mark.parametrize("page", HOW, ids=lambda page: page.stem)
def test_every_function_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert REFERENCE.search(text)
    assert missing(text) == []


def test_what_does_not_exist_is_found() -> None:
    text = "`transfer/meta.py::similarity`, `transfer/meta.py::gone`, `transfer/gone.py::similarity`"
    assert missing(text) == ["transfer/meta.py::gone", "transfer/gone.py::similarity"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_links_lead_to_files(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
