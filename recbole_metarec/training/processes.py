"""How a process joins those that train one model with it, and hears what becomes of them."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from recbole_metarec.errors import Lost
from recbole_metarec.files import leave_writing_to_another
from recbole_metarec.training.environment import asked, own_gpu

# Of which nothing was heard for so long is gone; what it is asked for each time.
_SILENT_SECONDS, _BEAT_SECONDS = 30.0, 2.0
# What ends a process has this long to be told to the others, and these have as long to end by themselves.
_GRACE_SECONDS = 8.0
# One process may work for long while others wait: whether it still lives is seen by its beats.
_TIMEOUT = timedelta(days=7)


def join(gpu_id: object) -> None:
    """Join the other processes, if there are any, and let the first write for all.

    Parameters
    ----------
    gpu_id : object
        See `own_gpu`. With GPUs tensors travel by nccl, without by gloo.

    Raises
    ------
    Lost
        If they cannot be reached.
    """
    global _watch
    if asked() == 1 or dist.is_initialized():
        return
    os.environ["CUDA_VISIBLE_DEVICES"] = own_gpu(gpu_id)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, number, size = next(iter(rendezvous("env://")))
        before = PrefixStore("training", store)
        dist.init_process_group(backend, store=before, rank=number, world_size=size, timeout=_TIMEOUT)
        other_store, *_ = next(iter(rendezvous("env://")))  # a thread needs a connection of its own
    except (RuntimeError, ValueError) as error:
        raise Lost(f"the other processes cannot be reached: {' '.join(str(error).split())[:200]}") from error
    if number:
        leave_writing_to_another()
    _watch = _Watch(store, other_store, number, size)
    _watch.start()


def leave() -> None:
    """Part from the other processes, all of which have come to the end."""
    global _watch
    if _watch is not None:
        with suppress(RuntimeError):  # another may have been ended with its work done
            dist.all_reduce(torch.zeros(1))
        _watch.over.set()
        _watch.join()
        _watch = None
        dist.destroy_process_group()


def tell(line: str) -> bool:
    """Tell the others why this process ends.

    Returns
    -------
    bool
        Whether it is the first that has something to tell, and so the one to say it to the user.
    """
    return True if _watch is None else _watch.tell(line)


def heard() -> str | None:
    """Return why another process has ended, if one has told."""
    return None if _watch is None else _watch.heard()


def is_to_speak() -> bool:
    """Whether this process is the one to say that another has ended: the first, if it is left."""
    return _watch is None or _watch.is_to_speak()


@contextmanager
def last_words(words: Callable[[], str]) -> Iterator[None]:
    """Let the end by another's silence, which may find this process waiting for it, be told with more."""
    global _words
    before, _words = _words, words
    try:
        yield
    finally:
        _words = before


def why_lost() -> str:
    """Return why the other processes cannot be reached any more."""
    return "the other processes have ended" if _watch is None else _watch.why()


class _Watch(threading.Thread):
    """Says that this process lives, and ends it when another one does not."""

    def __init__(self, store: Any, own_store: Any, number: int, size: int) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self._store, self._own_store, self._number, self._size = store, own_store, number, size
        self._silent: str | None = None

    def tell(self, line: str) -> bool:
        time.sleep(min(1.0, self._number))  # what ends all of them the first one says
        try:
            if self._store.add("told", 1) > 1:
                return False
            self._store.set("fault", f"process {self._number} on {socket.gethostname()} has ended: {line}")
        except RuntimeError:  # whoever keeps the store has ended, too
            return self._number == 0
        return True

    def is_to_speak(self) -> bool:
        time.sleep(min(1.0, self._number))  # the first one knows more
        try:
            return bool(self._store.add("spoken", 1) == 1)
        except RuntimeError:
            return True

    def heard(self) -> str | None:
        try:
            return self._read(self._store)
        except RuntimeError:
            return None

    @staticmethod
    def _read(store: Any) -> str | None:
        return str(store.get("fault").decode()) if store.check(["fault"]) else None

    def why(self) -> str:
        end = time.monotonic() + _GRACE_SECONDS / 2
        try:
            while time.monotonic() < end:
                fault = self._read(self._store) or self._silent
                if fault is not None:
                    return fault
                time.sleep(0.2)
        except RuntimeError:  # what all have to ask has ended, too
            pass
        return "another process has ended without a word, as one does that is killed"

    def run(self) -> None:
        heard = {number: (0, time.monotonic()) for number in range(self._size)}
        while not self.over.wait(_BEAT_SECONDS):
            try:
                fault = self._look(heard)
            except RuntimeError:
                fault = "what keeps the processes together has ended"
            if fault is not None:
                self._silent = fault
                break
        if not self.over.wait(_GRACE_SECONDS if self._silent else None):
            self.tell(str(self._silent))
            if self.is_to_speak():
                said = [f"error: {self._silent}", *([_words(), "--resume=auto goes on with it"] if _words else [])]
                print("; ".join(said), file=sys.__stderr__, flush=True)
            os._exit(1)

    def _look(self, heard: dict[int, tuple[int, float]]) -> str | None:
        store = self._own_store
        store.add(f"beats/{self._number}", 1)
        fault = self._read(store)
        if fault is not None:
            return fault
        now = time.monotonic()
        for number, (beats, since) in heard.items():
            found = store.add(f"beats/{number}", 0)
            if found != beats:
                heard[number] = found, now
            elif now - since > _SILENT_SECONDS:
                return f"process {number} has been silent for {_SILENT_SECONDS:.0f} seconds"
        return None


_watch: _Watch | None = None
_words: Callable[[], str] | None = None
