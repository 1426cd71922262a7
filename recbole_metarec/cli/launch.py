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

# What one has told is said by the others before they are ended; who is asked to end may tidy up.
_GRACE_SECONDS = 20.0


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
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads),
    }
    return {key: str(value) for key, value in values.items()}


def _wait(processes: Sequence[subprocess.Popen[bytes]], store: Any) -> int:
    """Wait for all; behind the first that fails the others have some time to say so."""
    status, end = 0, float("inf")
    while any(process.poll() is None for process in processes) and time.monotonic() < end:
        failed = [place for place, process in enumerate(processes) if process.poll()]
        if failed and not status:
            status, end = processes[failed[0]].returncode, time.monotonic() + _GRACE_SECONDS
            if status < 0 and not store.check(["fault"]):
                store.set("fault", f"process {failed[0]} was killed by {signal.Signals(-status).name}")
        time.sleep(0.05)
    _end(processes, signal.SIGTERM)
    status = status or next((process.returncode for process in processes if process.returncode), 0)
    return 128 - status if status < 0 else status


def _end(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    """Send a signal to those that have not ended, and wait for them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
    end = time.monotonic() + _GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
