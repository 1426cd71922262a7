"""What of an environment would go wrong, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from recbole_metarec.files import why_not_written

DISTRIBUTION = "recbole-metarec"
_GIB = 2**30
# Below these a run ends before it has learnt anything: importing RecBole and torch alone takes 0.4 GB.
_LEAST_MEMORY, _LEAST_DISK = _GIB, _GIB // 4


class Finding(NamedTuple):
    """One thing of the environment.

    Attributes
    ----------
    what : str
        As in ``torch 2.13.0``.
    state : {"ok", "note", "wrong"}
        ``note`` is what stops no run.
    why : str
        What would go wrong, and how to mend it; empty if nothing would.
    """

    what: str
    state: Literal["ok", "note", "wrong"] = "ok"
    why: str = ""


def findings() -> Iterator[Finding]:
    """Look at Python, the packages, the hardware and the folders that runs write to."""
    yield from _python()
    yield from _packages()
    yield from _accelerator()
    yield from _hardware()
    for folder in ("saved", "log", "log_tensorboard", "dataset", tempfile.gettempdir()):
        why = why_not_written(Path(folder).absolute())
        advice = f"{why}; run in another folder, or change its permissions"
        yield Finding(f"{folder} can be written") if why is None else Finding(folder, "wrong", advice)


def _python() -> Iterator[Finding]:
    what = f"Python {platform.python_version()}"
    try:
        asked = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Finding(what)
        yield Finding(DISTRIBUTION, "wrong", "is not installed, so that nothing says what it needs; pip install -e .")
        return
    fits = platform.python_version() in SpecifierSet(asked, prereleases=True)
    yield Finding(what) if fits else Finding(what, "wrong", f"must be {asked}; make an environment with another Python")
    yield Finding(f"{platform.system()} {platform.machine()}")
    owners = {*metadata.packages_distributions().get("recbole_metarec", ())}
    if len(owners) > 1:
        why = f"several packages have this name: {', '.join(sorted(owners))}; pip uninstall the other"
        yield Finding("recbole_metarec", "wrong", why)


def _packages() -> Iterator[Finding]:
    """Hold what is installed against what this package asks for, and ray against what RecBole does."""
    for text in _requirements(DISTRIBUTION):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement, "")
        elif requirement.name == "recbole":  # which pip cannot resolve for this Python
            yield _package(requirement, "--no-deps ")
    yield _ray()


def _requirements(distribution: str) -> list[str]:
    try:
        return metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []


def _package(requirement: Requirement, options: str) -> Finding:
    advice = f"pip install {options}'{requirement.name}{requirement.specifier}'"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(requirement.name, "wrong", f"is missing; {advice}")
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(f"{requirement.name} {version}", "wrong", f"must be {requirement.specifier}; {advice}")
    return Finding(f"{requirement.name} {version}")


def _ray() -> Finding:
    try:
        return Finding(f"ray {metadata.version('ray')}")
    except metadata.PackageNotFoundError:
        return Finding("ray", "note", "is missing, which only --runs_at_once needs; pip install ray")


def _accelerator() -> Iterator[Finding]:
    try:
        torch: Any = import_module("torch")
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        yield Finding("torch", "wrong", f"cannot be imported ({reason}); install it again, https://pytorch.org")
        return
    built = torch.version.cuda
    if torch.cuda.is_available():
        yield Finding(f"CUDA {built}: {torch.cuda.get_device_name(0)}")
    elif Path("/dev/nvidia0").exists():
        why = "torch is built without CUDA" if built is None else f"the driver is too old for CUDA {built}"
        yield Finding("CUDA", "note", f"{why}: the GPU stays unused; install the build for it, https://pytorch.org")
    else:
        yield Finding("no GPU: runs use the CPU")


def _hardware() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding(f"{cores} CPU core{'s' * (cores > 1)}")
    free = free_memory()
    if free is not None:
        what, why = f"{free / _GIB:.1f} GiB of memory free", "close other programs, or use another machine"
        yield Finding(what) if free >= _LEAST_MEMORY else Finding(what, "wrong", f"a run needs 1 GiB or more; {why}")
    disk = shutil.disk_usage(".").free
    what = f"{disk / _GIB:.1f} GiB of the disk free"
    why = "checkpoints and logs may not fit; free some of it, or run in another folder"
    yield Finding(what) if disk >= _LEAST_DISK else Finding(what, "wrong", why)


def free_memory() -> int | None:
    """Return the bytes of memory that a process can still have, by system and container; ``None`` if nothing tells."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    elif hasattr(os, "sysconf") and sys.platform == "darwin":
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (most := limit.read_text().strip()) != "max":
        found.append(int(most) - int(used.read_text()))
    return min(found, default=None)


def text_of(found: list[Finding]) -> str:
    """Lay out findings, a line each."""
    marks = {"ok": "ok    ", "note": "note  ", "wrong": "WRONG "}
    return "\n".join(f"{marks[each.state]}{each.what}{f': {each.why}' if each.why else ''}" for each in found)
