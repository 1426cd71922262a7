"""What has to happen as soon as a library is imported, and not before: it takes seconds, and help does not need it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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

    @contextmanager
    def and_then() -> Iterator[None]:
        yield
        do()

    if name in sys.modules:
        do()
    else:
        import_within(name, and_then)


def import_within(name: str, context: Callable[[], AbstractContextManager[None]]) -> None:
    """Let the first import of a module happen in a context; nothing happens if it is imported already.

    Parameters
    ----------
    name : str
        A top-level module.
    context : callable
        Makes the context manager.
    """
    if name not in sys.modules:
        sys.meta_path.insert(0, _Finder(name, context))


class _Finder(MetaPathFinder):
    """Finds one module where others would, and puts a context around what its loader does."""

    def __init__(self, name: str, context: Callable[[], AbstractContextManager[None]]) -> None:
        self.name, self.context = name, context

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_within(module: ModuleType) -> None:
                with self.context():
                    execute(module)

            loader.exec_module = execute_within  # type: ignore[method-assign]
        return spec
