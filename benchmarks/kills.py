"""Kill runs at random moments of every phase, let them go on, and compare all that they give bit by bit.

``python benchmarks/kills.py --kills=50`` prints a table; ``--signal=INT`` interrupts instead, ``--signal=TERM`` does
what a cluster does. Domains are drawn at random, small enough for a run of seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REPOSITORY = Path(__file__).parent.parent
SOURCES = ["first", "second"]
COMMON = ["--dataset=target", f"--source_datasets=[{','.join(SOURCES)}]", "--data_path=data", "--gpu_id=", "--seed=3"]
COMMON += ["--state=ERROR", "--show_progress=False", "--result_file=result.json", "--hidden_size=16", "--n_layers=1"]
COMMON += ["--inner_size=16", "--train_batch_size=16", "--last_state_minutes=0.001", "--evidence_rows=200"]
RUNS = {
    "MetaRec": ["--model=MetaRec", "--epochs=6", "--warmup_epochs=3", "--meta_epochs=3", "--evidence_worth=False"],
    "ANT": ["--model=ANT", "--epochs=4", "--pretrain_epochs=3", "--pretrain_batch_size=16", "--adapt=relearn"],
}
RUNS["ANT"] += ["--thaw_after=2", "--text_size=8", "--n_experts=2", "--modalities=text", "--timed_evidence=False"]
# What differs from run to run, whatever happens.
OF_THE_DAY = ("seconds", "checkpoint", "log", "peak_memory")


class Moment(NamedTuple):
    """Seconds behind the beginning of a phase's nth time."""

    phase: str
    number: int
    seconds: float


# -- the domains ------------------------------------------------------------------------------------------------------


def write_domain(root: Path, name: str, users: int, rng: np.random.Generator, items: int = 40) -> None:
    """Write sequences in which an item of a kind follows one of the kind before, with times of days and titles."""
    kinds = rng.integers(4, size=items)
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(users):
        days = 16_000 + np.sort(rng.choice(120, rng.integers(6, 14), replace=False))
        for place, day in enumerate(days):
            item = rng.choice(np.flatnonzero(kinds == (user + place) % 4))
            lines.append(f"u{user}\ti{item}\t{day * 86_400 + rng.integers(86_400)}")
    folder = root / name
    folder.mkdir(parents=True)
    (folder / f"{name}.inter").write_text("\n".join(lines) + "\n")
    titles = [f"i{item}\tword{kind} term{kind} noise{rng.integers(9)}" for item, kind in enumerate(kinds)]
    (folder / f"{name}.item").write_text("\n".join(["item_id:token\ttitle:token_seq", *titles]) + "\n")


# -- the process that is killed ---------------------------------------------------------------------------------------


class Phases:
    """Writes down when each phase of this process begins and ends, and ends the process at a moment."""

    def __init__(self, file: Path, moment: Moment | None, number: int) -> None:
        self.file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.moment, self.number, self.seen = moment, number, Counter[str]()

    @contextmanager
    def within(self, phase: str) -> Iterator[None]:
        """Take note of a phase."""
        self.note("begin", phase)
        self.seen[phase] += 1
        if self.moment is not None and (phase, self.seen[phase]) == self.moment[:2]:
            threading.Timer(self.moment.seconds, os.kill, (os.getpid(), self.number)).start()
        try:
            yield
        finally:
            self.note("end", phase)

    def note(self, *said: str) -> None:
        """Write a line at once."""
        os.write(self.file, ("\t".join([*said, f"{time.time():.6f}"]) + "\n").encode())

    def around(self, owner: Any, name: str, phase: str | Callable[..., str]) -> None:
        """Let a function be a phase, by name or by what its arguments say."""
        function = getattr(owner, name)

        @wraps(function)
        def within(*arguments: Any, **options: Any) -> Any:
            with self.within(phase if isinstance(phase, str) else phase(*arguments)):
                return function(*arguments, **options)

        setattr(owner, name, within)


def child(file: str, number: str, moment: str, arguments: Sequence[str]) -> int:
    """Run the command line with its phases written down."""
    phases = Phases(Path(file), Moment(*json.loads(moment)) if moment != "none" else None, int(number))
    sys.argv = [str(REPOSITORY / "run_recbole_metarec.py"), *arguments]
    from recbole_metarec.cli.interrupts import answer_signals, ending_at_once

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background has not
    answer_signals()
    with phases.within("imports"), ending_at_once():
        import recbole_metarec.bridge.trainer as trainer
        import recbole_metarec.cli.main
        import recbole_metarec.runs.prepare as prepare
        import recbole_metarec.runs.report as report
        import recbole_metarec.runs.run as run
        from recbole_metarec.models.ant.trainer import ANTTrainer
        from recbole_metarec.models.metarec.trainer import MetaRecTrainer
        from recbole_metarec.training import checkpoint, runner
        from recbole_metarec.training.last_state import LastStates
    phases.around(prepare, "_load", "reading")
    phases.around(prepare, "prepare_features", "features")
    phases.around(runner, "run_epoch", lambda phase, *_: phase.name)
    phases.around(trainer.DomainTrainer, "validate", "validation")
    phases.around(trainer.DomainTrainer, "_finish", "choosing weights")
    phases.around(trainer.DomainTrainer, "evaluate", "test")
    phases.around(checkpoint, "save", "saving")
    phases.around(LastStates, "write", "last state")
    phases.around(run, "record", "records")
    phases.around(run, "record_controls", "records")
    phases.around(report, "write_json", "report")
    for each in (ANTTrainer, MetaRecTrainer):
        phases.around(each, "begin", "before the phases")
    return recbole_metarec.cli.main.main()


# -- what is compared -------------------------------------------------------------------------------------------------


def found(folder: Path) -> dict[str, Any]:
    """Return all that a run gave, without what differs from run to run: results, ranks, and every tensor of models."""
    from recbole_metarec.training import checkpoint

    content = json.loads((folder / "result.json").read_text())
    content.get("delivered", {}).pop("checkpoint", None)
    tensors = {}
    for entry in content["runs"]:
        state = checkpoint.load(folder / entry["checkpoint"])
        name = f"{entry['model']} {entry['variant']}"
        tensors |= {(name, key): value.numpy().tobytes() for key, value in state["state_dict"].items()}
        content[f"of {name}"] = repr(sorted(state["metrics"].items()))
        for key in OF_THE_DAY:
            del entry[key]
    stored = [json.loads(file.read_text()) for file in sorted((folder / "saved" / "finished").iterdir())]
    for each in stored:
        for key in OF_THE_DAY:
            del each[key]
    stored.sort(key=lambda each: (each["model"], str(each["variant"])))
    left = [str(file) for file in folder.rglob("*") if file.name.startswith(".") or file.name == "unfinished"]
    return {"result": content, "weights": tensors, "ranks": stored, "nothing left": left}


class Ended(NamedTuple):
    """How a process ended: its status, standard error and notes of phases."""

    status: int
    said: str
    notes: list[list[str]]


def run(folder: Path, number: int, moment: Moment | None, arguments: Sequence[str]) -> Ended:
    """Run the command in a folder, to its end or to a moment."""
    file = folder.parent / f"{folder.name}.phases"
    file.unlink(missing_ok=True)
    asked = "none" if moment is None else json.dumps(moment)
    command = [sys.executable, __file__, "--child", str(file), str(number), asked, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    notes = [line.split("\t") for line in file.read_text().splitlines()]
    return Ended(ended.returncode, ended.stderr, notes)


def spans(notes: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    """Return how long each phase took, each time."""
    open_phases: list[tuple[str, float]] = []
    lasted: dict[str, list[float]] = defaultdict(list)
    for kind, phase, at in notes:
        if kind == "begin":
            open_phases.append((phase, float(at)))
            lasted[phase].append(0.0)
        else:
            _, begin = open_phases.pop()
            lasted[phase][-1] = float(at) - begin
    return lasted


def innermost(notes: Sequence[Sequence[str]]) -> str:
    """Return the phase in which a process ended."""
    open_phases = ["between phases"]
    for kind, phase, _ in notes:
        if kind == "begin":
            open_phases.append(phase)
        else:
            open_phases.pop()
    return open_phases[-1]


def moments(lasted: dict[str, list[float]], rng: np.random.Generator) -> Iterator[Moment]:
    """Draw moments, the phases in turn."""
    while True:
        for phase, seconds in lasted.items():
            number = int(rng.integers(len(seconds)))
            yield Moment(phase, number + 1, float(rng.uniform(0, seconds[number])))


def wrong(ended: Ended, number: int) -> list[str]:
    """Say what is wrong with the end of a process that a signal ended."""
    if number == signal.SIGKILL:
        return []
    before = ("begins anew", "goes on where", ": was finished", "warning: ")
    lines = [line for line in ended.said.splitlines() if not any(words in line for words in before)]
    good = ended.status == 128 + number and len(lines) == 1
    return [] if good else [f"status {ended.status}, said {lines}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--signal", default="KILL", choices=["KILL", "INT", "TERM"])
    parser.add_argument("--models", nargs="+", default=[*RUNS], choices=[*RUNS])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    number, rng = signal.Signals[f"SIG{asked.signal}"].value, np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as root:
        for name, users in (("target", 40), *((source, 40) for source in SOURCES)):
            write_domain(Path(root) / "data", name, users, rng)
        try_all(Path(root), asked.models, asked.kills, number, rng)


def try_all(root: Path, models: Sequence[str], kills: int, number: int, rng: np.random.Generator) -> None:
    """Kill so many runs of models in turn, and print what became of them."""
    whole, drawn = {}, {}
    for model in models:
        ended = run(new_folder(root, f"{model}-whole"), number, None, [*COMMON, *RUNS[model]])
        assert ended.status == 0, ended.said
        whole[model], lasted = found(root / f"{model}-whole"), spans(ended.notes)
        drawn[model] = moments(lasted, rng)
        print(f"{model}: {sum(map(len, lasted.values()))} phases, {', '.join(lasted)}", flush=True)
    tried, held, same = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[str]()
    for trial in range(kills):
        model = models[trial % len(models)]
        folder, arguments = new_folder(root, str(trial)), [*COMMON, *RUNS[model], "--resume=auto"]
        ended = run(folder, number, next(drawn[model]), arguments)
        where = model, innermost(ended.notes) if ended.status else "behind its end"
        problems = wrong(ended, number) if ended.status else []
        last = run(folder, number, None, arguments)
        if last.status:
            problems.append(f"cannot go on: {last.said[-2000:]}")
        else:
            again = found(folder)
            for part, value in whole[model].items():
                same[part] += again[part] == value
                problems += [f"{part} differs"] * (again[part] != value)
        tried[where] += 1
        held[where] += not problems
        print(f"{trial + 1}: {' in '.join(where)}: {'; '.join(problems) or 'the same'}", flush=True)
    print(f"\n| model | ended in | {signal.Signals(number).name} | the same |\n|---|---|--:|--:|")
    for where, count in sorted(tried.items()):
        print(f"| {where[0]} | {where[1]} | {count} | {held[where]} |")
    print(f"| all | | {tried.total()} | {held.total()} |")
    print(", ".join(f"{part}: {count} of {kills}" for part, count in same.items()))
    sys.exit(held.total() < kills)


def new_folder(root: Path, name: str) -> Path:
    """Make a folder to run a command in."""
    folder = root / name
    folder.mkdir()
    (folder / "data").symlink_to(root / "data")
    return folder


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
    main()
