"""The README's commands and snippets are run, the training cut short."""

from __future__ import annotations

import gzip
import json
import re
import runpy
import shlex
import signal
from pathlib import Path

import pytest
from conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MODEL_KEYS = {
    "MetaRec": ("--warmup_epochs", "--meta_epochs", "--sources_per_step"),
    "ANT": ("--pretrain_epochs",),
}
SHORT = [
    "--epochs=1",
    "--warmup_epochs=0",
    "--meta_epochs=1",
    "--sources_per_step=1",
    "--pretrain_epochs=1",
    "--evidence_rows=60",
    "--show_progress=False",
    "--gpu_id=",
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [part.strip() for block in blocks("bash") for line in block.splitlines() for part in line.split("&&")]
    return [line for line in lines if line.startswith("python run_recbole_metarec.py")]


def loader_commands() -> list[str]:
    """Return the Amazon loader's commands, without the one that downloads."""
    lines = [line.split("  ")[0] for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith("recbole-metarec amazon") and "--category" not in line]


def converting_commands() -> list[str]:
    """Return the commands that make a domain of a table."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith("recbole-metarec convert")]


def using_commands() -> list[str]:
    """Return the commands that use a checkpoint."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    used = ("recbole-metarec recommend", "recbole-metarec similar", "recbole-metarec export", "python examples/")
    return [line for line in lines if line.startswith(used)]


def run_here(script: Path, arguments: list[str]) -> int:
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


def write_dumps(folder: Path) -> None:
    """Write small files under the names that the README gives."""
    reviews, items, texts = [], [], []
    for user in range(6):
        for item in range(6):
            time = 1_400_000_000 + 60 * user + item
            reviews.append({"reviewerID": f"U{user}", "asin": f"I{item}", "overall": 5.0, "unixReviewTime": time})
        texts.append(" ".join(str(i) for i in [user, *range(6)]))
    items = [
        {
            "asin": f"I{item}",
            "title": f"Card {item}",
            "price": "$9.99",
            "category": ["Gift Cards"],
            "main_cat": "Gift Cards",
        }
        for item in range(6)
    ]
    for name, rows in (("Gift_Cards_5", reviews), ("meta_Gift_Cards", items)):
        with gzip.open(folder / f"{name}.json.gz", "wt") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
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


@pytest.mark.parametrize("command", loader_commands())
def test_a_command_of_the_amazon_loader_runs(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dumps(tmp_path)
    assert run_here(REPOSITORY / "recbole_metarec" / "amazon" / "__main__.py", shlex.split(command)[2:]) == 0
    assert "amazon" in capsys.readouterr().out


@pytest.mark.parametrize("command", converting_commands())
def test_a_command_that_converts_runs(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{user},{item},2024-03-0{item + 1} 12:30" for user in range(6) for item in range(6)]
    (tmp_path / "data.csv").write_text("\n".join(["customer,sku,bought_at", *rows]) + "\n")
    (tmp_path / "catalogue.csv").write_text("sku,name,price\n" + "".join(f"{item},Tea,9.99\n" for item in range(6)))
    assert run_here(REPOSITORY / "run_recbole_metarec.py", shlex.split(command)[1:]) == 0
    assert "--dataset=shop" in capsys.readouterr().out
    assert len((tmp_path / "dataset/shop/shop.inter").read_text().splitlines()) == 37


def test_there_are_commands_and_snippets() -> None:
    assert len(converting_commands()) >= 1
    assert len(commands()) >= 3
    assert len(loader_commands()) >= 5
    assert len(using_commands()) >= 3
    assert len(blocks("python")) >= 2


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, script, *arguments = shlex.split(command)
    of_others = [key for model, keys in MODEL_KEYS.items() if f"--model={model}" not in arguments for key in keys]
    given = [part for part in [*arguments, *SHORT] if part.partition("=")[0] not in of_others]
    assert run_here(REPOSITORY / script, given) == 0
    assert "NDCG@10" in capfd.readouterr().out
    for argument in arguments:
        if argument.startswith("--result_file="):
            assert (tmp_path / argument.partition("=")[2]).is_file()


def test_the_snippets_run_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = "{'epochs': 1, 'warmup_epochs': 0, 'meta_epochs': 1, 'evidence_rows': 60, 'show_progress': False, "
    quick += "'gpu_id': '', "
    write_dumps(tmp_path)
    code = "\n".join(blocks("python")).replace('{"', quick + '"')
    exec(code, {"__name__": "__main__"})
    assert "war" in capsys.readouterr().out
    (tmp_path / "baskets.csv").write_text("user_id,item_id,timestamp\nann,97,893000000\nann,203,893000060\n")
    for command in using_commands():
        words = shlex.split(command.replace("CHECKPOINT", "updated.safetensors"))
        script = "run_recbole_metarec.py" if words[0] == "recbole-metarec" else words.pop(1)
        assert run_here(REPOSITORY / script, words[1:]) == 0
    assert (tmp_path / "recommended.parquet").is_file()


def test_files_that_the_readme_names_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / link).exists(), link
    (layout,) = [block for block in blocks("text") if "recbole_metarec/" in block]
    for line in layout.splitlines():
        folder = REPOSITORY / "recbole_metarec" if line.startswith(" ") else REPOSITORY
        for name in line.strip().split("   ")[0].split(","):
            assert (folder / name.strip()).exists(), name
