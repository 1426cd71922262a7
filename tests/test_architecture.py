"""Packages import what lies below them in the table of docs/architecture.md, and the core imports no RecBole."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "recbole_metarec"
CORE = {
    "domains",
    "features",
    "nn",
    "evidence",
    "transfer",
    "training",
    "evaluation",
    "settings",
    "configuration",
    "inference",
    "inspection",
    "export",
}


def levels() -> dict[str, int]:
    """Return the place of each package in the table, from the top."""
    lines = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return {name: place for place, row in enumerate(rows) for name in re.findall(r"`([\w/]+)`", row)}


def package_of(place: str) -> str:
    """Return the row of the table that a module belongs to; specifications and settings of models are one of it."""
    first, *rest = place.removesuffix(".py").split("/")
    if first == "models" and len(rest) > 1 and rest[1] not in ("__init__", "settings"):
        return f"models/{rest[0]}"
    return first


def place_of(module: str) -> str | None:
    """Return the file of a module of this package, relative to it; ``None`` if it is no module."""
    path = PACKAGE.parent / module.replace(".", "/")
    found = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return found.relative_to(PACKAGE).as_posix() if found.is_file() else None


def modules_imported(path: Path) -> Iterator[str]:
    """List what a file imports, anywhere in it: modules, and names in modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if place_of(name) else node.module for name in names)


def imports() -> Iterator[tuple[str, str]]:
    """List pairs of a module and a package that it imports, ``recbole`` among them."""
    for path in (path for path in PACKAGE.rglob("*.py") if path.stem != "__main__"):  # which are entries
        place = path.relative_to(PACKAGE).as_posix()
        for module in modules_imported(path):
            imported = place_of(module) if module.startswith("recbole_metarec.") else None
            if imported or module.split(".")[0] == "recbole":
                yield place, package_of(imported) if imported else "recbole"


def test_every_package_has_a_row() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    packages |= {f"models/{path.parent.name}" for path in PACKAGE.glob("models/*/__init__.py")}
    assert levels().keys() == packages


def test_packages_import_what_lies_below_them() -> None:
    level = levels()
    upwards = {
        (place, imported)
        for place, imported in imports()
        if (package_of(place) in CORE and imported == "recbole")
        or (package_of(place) in level and imported in level and level[imported] < level[package_of(place)])
    }
    assert upwards == set()


def test_packages_import_each_other_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for place, imported in imports():
        if imported != package_of(place):
            graph.setdefault(package_of(place), set()).add(imported)
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_models_open_no_files() -> None:
    for path in PACKAGE.glob("models/*/model.py"):
        assert not {"io", "os", "pathlib"} & set(modules_imported(path)), path
        names = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name))
        assert "open" not in {node.id for node in names}, path
