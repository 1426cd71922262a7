"""What has to happen as soon as RecBole is imported, and not before: it takes seconds, and help does not need it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def when_imported(name: str, do: Callable[[], object]) -> None:
    """Call a function behind the first import of a module, at once if it is imported already.

    Parameters
    ----------
    name : str
        A top-level module.
    do : callable
    """
    if name in sys.modules:
        do()
    else:
        sys.meta_path.insert(0, _Finder(name, do))


class _Finder(MetaPathFinder):
    """Finds one module where others would, and adds to what its loader does."""

    def __init__(self, name: str, do: Callable[[], object]) -> None:
        self.name, self.do = name, do

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_and_do(module: ModuleType) -> None:
                execute(module)
                self.do()

            loader.exec_module = execute_and_do  # type: ignore[method-assign]
        return spec
