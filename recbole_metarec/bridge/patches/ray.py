"""``recbole.quick_start`` without Ray Tune, and the signal handlers that ray leaves behind."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

from recbole_metarec._hook import import_within

# The newest ray that RecBole 1.2.1 allows: Ray Tune needs no more there than RecBole does.
_NEWEST = (2, 6)


def apply() -> None:
    """Import ``recbole.quick_start`` with a stand-in for Ray Tune if that is not to be had; keep signal handlers."""
    import_within("ray", same_signal_handlers)
    with same_signal_handlers():
        if not _has_ray_tune():
            _import_with_stand_in()


@contextmanager
def same_signal_handlers() -> Iterator[None]:
    """Restore signal handlers that an import replaces, as that of ray does with SIGTERM's.

    Only the main thread can set handlers: elsewhere nothing is to be restored.
    """
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)


def _has_ray_tune() -> bool:
    try:
        major, minor = importlib.metadata.version("ray").split(".")[:2]
    except importlib.metadata.PackageNotFoundError:
        return False
    if (int(major), int(minor)) <= _NEWEST:
        return True  # without importing it: few runs need it
    try:
        importlib.import_module("ray.tune")
    except ImportError:
        return False
    return True


def _import_with_stand_in() -> None:
    ray, tune = types.ModuleType("ray"), types.ModuleType("ray.tune")
    ray.tune, tune.report = tune, lambda **metrics: None  # type: ignore[attr-defined]
    stand_ins = {"ray.tune": tune} if importlib.util.find_spec("ray") else {"ray": ray, "ray.tune": tune}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("recbole.quick_start")
    finally:
        for name in stand_ins:
            sys.modules.pop(name)
