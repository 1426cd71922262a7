"""``--nproc``: processes that train one model together, started and watched as ``torchrun`` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from recbole_metarec.cli.interrupts import status_of

# Behind one that fails the others have this long to say so; whoever is asked to end has this long to tidy up.
_WORDS_SECONDS, _TIDY_SECONDS = 10.0, 30.0


def run_together(number: int, arguments: Sequence[str]) -> int:
    """Run a command in several processes that train together.

    Parameters
    ----------
    number : int
    arguments : sequence of str
        Of the command, as all of them get them.

    Returns
    -------
    int
        0 if all have ended well, else the status of one that has not.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    command = [sys.executable, "-m", "recbole_metarec", *arguments]
    # Out of the terminal's reach: a signal comes to them once, from here.
    processes = [
        subprocess.Popen(command, env={**os.environ, **_environment(place, number, store.port)}, start_new_session=True)
        for place in range(number)
    ]
    try:
        return _wait(processes, store)
    except KeyboardInterrupt as interrupt:
        _, status = status_of(interrupt)
        _end(processes, signal.Signals(status - 128))
        return status
    finally:
        _end(processes, signal.SIGKILL)


def _environment(place: int, number: int, port: int) -> dict[str, str]:
    threads = max(1, len(os.sched_getaffinity(0)) // number) if hasattr(os, "sched_getaffinity") else 1
    values = {
        "RANK": place,
        "LOCAL_RANK": place,
        "WORLD_SIZE": number,
        "LOCAL_WORLD_SIZE": number,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_USE_AGENT_STORE": True,  # this process keeps what the others tell each other
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),  # one line says what has ended
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads),
    }
    return {key: str(value) for key, value in values.items()}


def _wait(processes: Sequence[subprocess.Popen[bytes]], store: Any) -> int:
    """Wait for all; behind the first that fails the others have some time to say so."""
    status, end, fault = 0, float("inf"), None
    while any(process.poll() is None for process in processes) and time.monotonic() < end:
        failed = [place for place, process in enumerate(processes) if process.poll()]
        if failed and not status:
            status, end = processes[failed[0]].returncode, time.monotonic() + _WORDS_SECONDS
            number = -status if status < 0 else status - 128
            if number in {*signal.Signals} and not store.check(["fault"]):
                fault = f"process {failed[0]} was ended by {signal.Signals(number).name}"
                store.set("fault", fault)
        time.sleep(0.05)
    if fault and any(process.poll() is None for process in processes):  # none of which has come to say so
        print(f"error: {fault}", file=sys.stderr, flush=True)
    _end(processes, signal.SIGTERM, _WORDS_SECONDS / 2)
    status = status or next((process.returncode for process in processes if process.returncode), 0)
    return 128 - status if status < 0 else status


def _end(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals, seconds: float = _TIDY_SECONDS) -> None:
    """Send a signal to those that have not ended, and wait for them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
    end = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
