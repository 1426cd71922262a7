"""What stands in README.md and in docs/, run: commands and snippets of a page, in order, on small domains."""

from __future__ import annotations

import gzip
import json
import re
import runpy
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import recbole_metarec as rm
from recbole_metarec.domains.movielens import make_domains
from recbole_metarec.serving.app import create_app

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "docs" / "results"
"""Pages whose commands take hours, on data that are not at hand."""
BESIDE = ("README.md", "CONTRIBUTING.md", "dataset/README.md")
PAGES = [*(REPOSITORY / name for name in BESIDE), *sorted((REPOSITORY / "docs").rglob("*.md"))]
TRAINING = ("run", "compare", "tune")
SHORT = {"epochs": 1, "evidence_rows": 60, "bootstrap_samples": 100, "show_progress": False, "gpu_id": ""}
SHORT_OF = {
    "MetaRec": {"warmup_epochs": 0, "meta_epochs": 1, "sources_per_step": 1, "hidden_size": 16},
    "ANT": {"pretrain_epochs": 1, "hidden_size": 16},
}
_BLOCK = re.compile(r"(?P<mark><!-- not run: .+ -->\n)?^```(?P<kind>bash|python|yaml)\n(?P<code>.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A block of a page, the line that it begins in, and whether the page says that it cannot be run."""

    kind: str
    code: str
    line: int
    is_run: bool

    def commands(self) -> list[str]:
        """List the commands of a block of a shell."""
        lines = [re.sub(r"(^|\s+)# .*", "", line) for line in self.code.replace("\\\n", " ").splitlines()]
        return [part.strip() for line in lines for part in line.split(" && ") if part.strip()]


def blocks(page: Path) -> list[Block]:
    """List the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["code"], text[: found.start("kind")].count("\n") + 1, found["mark"] is None)
        for found in _BLOCK.finditer(text)
    ]


def has_code(page: Path) -> bool:
    """Whether there is anything to run on a page."""
    return page.parent != RESULTS and any(block.is_run and block.kind != "yaml" for block in blocks(page))


def quick(models: str | Sequence[str], given: Mapping[str, object]) -> dict[str, object]:
    """Return settings that cut training short, as far as the models know them and nothing else is asked for."""
    names = {name.partition(":")[0] for name in (models.split(",") if isinstance(models, str) else models)}
    short = SHORT | {key: value for name in names & SHORT_OF.keys() for key, value in SHORT_OF[name].items()}
    return {key: value for key, value in short.items() if key not in given}


@dataclass
class Reader:
    """Somebody who types what a page says, one thing after the other.

    Parameters
    ----------
    checkpoint : str
        The file that stands for ``CHECKPOINT``.
    """

    checkpoint: str
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    service: TestClient | None = None

    def does(self, block: Block) -> None:
        """Run a block."""
        if block.kind == "python":
            exec(block.code.replace("CHECKPOINT", self.checkpoint), self.names)
        elif block.kind == "yaml":
            Path("space.yaml").write_text(block.code)
        else:
            for command in block.commands():
                self.types(command)

    def types(self, command: str) -> None:
        """Run a command."""
        first, *words = [word.replace("CHECKPOINT", self.checkpoint) for word in shlex.split(command)]
        if first == "recbole-metarec":
            self.calls(words)
        elif first == "python" and words[0] == "run_recbole_metarec.py":
            self.calls(words[1:])
        elif first == "python" and words[0].startswith("examples/"):
            assert run_here(REPOSITORY / words[0], words[1:]) == 0, command
        elif first == "python" and words[0].startswith("benchmarks/"):
            assert (REPOSITORY / words[0]).is_file(), command  # takes hours
        elif first == "pip":
            names = {extra for word in words for listed in re.findall(r"\[(.+)\]", word) for extra in listed.split(",")}
            assert all(f"\n{name} = [" in (REPOSITORY / "pyproject.toml").read_text() for name in names), command
        elif first == "curl":
            self.asks(words)
        else:
            raise AssertionError(f"{command}: cannot be run; write <!-- not run: why --> above the block")

    def calls(self, words: list[str]) -> None:
        """Run this package's command, cut short where it trains."""
        name, *rest = words
        if name == "serve":
            self.service = TestClient(create_app({"model": rm.load(rest[0])}))
            return
        if "--category" in " ".join(rest):  # asks the internet
            return
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
        if name in TRAINING or name.startswith("--"):
            words = [word for word in words if not word.startswith("--seeds=")]
            words += [f"--{key}={value}" for key, value in quick(options["model"], options).items()]
        assert run_here(REPOSITORY / "run_recbole_metarec.py", words) == 0, words
        for file in ("report", "result_file", "output"):
            assert all(Path(path).exists() for path in options.get(file, ".").split(",")), (words, file)

    def asks(self, words: Sequence[str]) -> None:
        """Ask what is served."""
        assert self.service is not None
        address = next(word for word in words if word.startswith("http")).removeprefix("http://127.0.0.1:8000")
        if "-d" in words:
            answer = self.service.post(address, json=json.loads(words[words.index("-d") + 1]))
        else:
            answer = self.service.get(address)
        assert answer.status_code == 200, answer.text


def run_here(script: Path, arguments: Sequence[str]) -> int:
    """Run a script in this process, in which RecBole is imported already; return its exit status."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [str(script), *arguments])
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0


def cut_short(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """Wrap a function that trains, whose settings are an argument at some place, so that it trains for a moment."""

    def call(*arguments: Any, **keys: Any) -> Any:
        given = dict(arguments[place]) if len(arguments) > place else {}
        models = arguments[0] if place else {**given, **keys}["model"]
        return function(*arguments[:place], {**given, **quick(models, {**given, **keys})}, **keys)

    return call


# -- what pages find in the folder that they are read in --------------------------------------------------------------


def write_domains(root: Path, users: int = 24) -> None:
    """Write the embedded domains, each with a few of its users."""
    for name in make_domains(root):
        path = root / name / f"{name}.inter"
        header, *lines = path.read_text().splitlines()
        chosen = {*list(dict.fromkeys(line.split("\t")[0] for line in lines))[:users]}
        path.write_text("\n".join([header, *(line for line in lines if line.split("\t")[0] in chosen)]) + "\n")


def write_files(folder: Path) -> None:
    """Write small files under the names that pages give."""
    rows = [f"{user},{item},2024-03-0{item + 1} 12:30" for user in range(6) for item in range(6)]
    (folder / "data.csv").write_text("\n".join(["customer,sku,bought_at", *rows]) + "\n")
    (folder / "catalogue.csv").write_text("sku,name,price\n" + "".join(f"{item},Tea,9.99\n" for item in range(6)))
    (folder / "baskets.csv").write_text("user_id,item_id,timestamp\nann,97,893000000\nann,203,893000060\n")
    write_dumps(folder)


def write_dumps(folder: Path) -> None:
    """Write those of the Amazon collections."""
    for name, rows in (("Gift_Cards_5", _reviews()), ("meta_Gift_Cards", _cards())):
        with gzip.open(folder / f"{name}.json.gz", "wt") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
    texts = [" ".join(str(item) for item in [user, *range(6)]) for user in range(6)]
    (folder / "Beauty.txt").write_text("\n".join(texts) + "\n")
    (folder / "All_Beauty").mkdir()
    for place, part in enumerate(("train", "valid", "test")):
        rows = [f"U{user},I{place},5.0,{1_600_000_000_000 + place}" for user in range(6)]
        text = "\n".join(["user_id,parent_asin,rating,timestamp", *rows]) + "\n"
        (folder / "All_Beauty" / f"All_Beauty.{part}.csv").write_text(text)
    (folder / "Scientific").mkdir()
    for part, last in (("train", 3), ("valid", 4), ("test", 5)):
        rows = [
            f"{u}\t{' '.join(map(str, range(k)))}\t{k}"
            for u in range(6)
            for k in range(last if last > 3 else 1, last + 1)
        ]
        text = "\n".join(["user_id:token\titem_id_list:token_seq\titem_id:token", *rows]) + "\n"
        (folder / "Scientific" / f"Scientific.{part}.inter").write_text(text)


def _reviews() -> Iterator[dict[str, object]]:
    for user in range(6):
        for item in range(6):
            time = 1_400_000_000 + 60 * user + item
            yield {"reviewerID": f"U{user}", "asin": f"I{item}", "overall": 5.0, "unixReviewTime": time}


def _cards() -> Iterator[dict[str, object]]:
    for item in range(6):
        about = {"category": ["Gift Cards"], "main_cat": "Gift Cards"}
        yield {"asin": f"I{item}", "title": f"Card {item}", "price": "$9.99", **about}
