"""Several processes come to the result of one, and each to that of the others; when one dies, any number goes on."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import timed
import torch
import worlds

import recbole_metarec as rm
from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.training import checkpoint

CASES = {2: list(worlds.CASES), 3: ["first order", "second order", "few windows", "ANT"]}
COMMAND = [f"--{key}={value}" for key, value in planted.settings(Path("data"), **{**worlds.META, "epochs": 6}).items()]
COMMAND = [word.replace("'", "") for word in COMMAND] + ["--scratch_control=False", "--result_file=result.json"]
Worlds = tuple[Path, dict[int, list[str]], dict[int, list[int]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """Train in two processes, one of which is killed at last, then in three, which go on with what it has left."""
    root = tmp_path_factory.mktemp("worlds")
    planted.write_suite(root / "data", target_users=16, source_users=16)
    planted.write_featured_suite(root / "data", target_users=24, source_users=24)
    timed.write(root / "data", timed.draw_lines())
    said, statuses = {}, {}
    for number, dies, more in ((2, 4, []), (3, None, ["--resume=auto"])):
        folder = root / str(number)
        folder.mkdir()
        (folder / "data").symlink_to(root / "data")
        if number == 3:
            shutil.copytree(root / "2" / "saved", folder / "saved")
        arguments = [*COMMAND, *more]
        said[number], statuses[number] = worlds.run(number, root / "data", folder, CASES[number], dies, arguments)
        assert (folder / "saved").is_dir(), "\n".join(said[number])
    return root, said, statuses


@pytest.fixture(scope="module")
def alone(made: Worlds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Train every case in this process."""
    return {case: worlds.train(made[0] / "data", tmp_path_factory.mktemp("alone"), case) for case in worlds.CASES}


@pytest.mark.parametrize(("number", "case"), [(number, case) for number, cases in CASES.items() for case in cases])
def test_several_processes_find_what_one_does(made: Worlds, alone: Any, number: int, case: str) -> None:
    files = [made[0] / str(number) / f"{case}-{process}.pt" for process in range(number)]
    first, *others = (torch.load(file, weights_only=False) for file in files)
    for other in others:
        assert other["losses"] == first["losses"]
        assert other["scores"] == first["scores"]
        assert all(torch.equal(other["tensors"][name], value) for name, value in first["tensors"].items())
        assert torch.equal(other["random"], first["random"])
        assert np.array_equal(other["ranks"], first["ranks"])
    one = alone[case]
    if case == worlds.DRAWN_ALONE:
        assert first["losses"] == pytest.approx(one["losses"], rel=0.1)
        return
    assert torch.equal(first["random"], one["random"])
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert first["scores"] == pytest.approx(one["scores"])
    assert first["metrics"] == pytest.approx(one["metrics"])
    assert np.array_equal(first["ranks"], one["ranks"])
    for name, value in one["tensors"].items():
        torch.testing.assert_close(first["tensors"][name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_process_that_dies_ends_all_in_a_line_that_says_what_is_kept(made: Worlds) -> None:
    _, said, statuses = made
    assert statuses[2] == [1, -signal.SIGKILL]
    lines = [line for line in said[2][0].splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "MetaRec (transfer), seed 1 is kept, fine-tuning, behind epoch 4; go on with " in lines[0]
    assert "error: " not in said[2][1]


def test_any_number_of_processes_goes_on(made: Worlds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root, said, statuses = made
    assert statuses[3] == [0] * 3, "\n".join(said[3])
    assert "goes on where it was, fine-tuning, behind epoch 4, " in said[3][0]
    assert "NDCG@10" in said[3][0]
    assert "goes on" not in said[3][1] + said[3][2]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(root / "data")
    (whole,) = rm.run(parse_arguments(COMMAND))
    monkeypatch.chdir(root / "2")
    (later,) = rm.run(parse_arguments([*COMMAND, "--resume=auto"]))
    found = [json.loads((root / number / "result.json").read_text())["runs"][0] for number in ("2", "3")]
    for each in found:
        assert each["test"] == pytest.approx(whole.test)
        weights = checkpoint.load(root / ("2" if each is found[0] else "3") / each["checkpoint"])["state_dict"]
        for name, value in checkpoint.load(tmp_path / str(whole.checkpoint))["state_dict"].items():
            torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert np.array_equal(later.ranks, whole.ranks)
    assert not (root / "3" / "saved" / "unfinished").exists()
