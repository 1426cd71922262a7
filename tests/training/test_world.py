"""Several processes come to the result of one, and each to that of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import planted
import pytest
import torch
import worlds

SEVERAL = {2: list(worlds.CASES), 3: ["first order", "few windows", "ANT"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """Train every case in one process, and in several; what each of them found."""
    data = tmp_path_factory.mktemp("data")
    planted.write_suite(data, target_users=16, source_users=16)
    planted.write_featured_suite(data, target_users=24, source_users=24)
    folders = {number: tmp_path_factory.mktemp(f"of-{number}") for number in SEVERAL}
    found = {}
    for number, cases in SEVERAL.items():
        started = worlds.start(number, str(data), str(folders[number]), *cases)
        said = [process.communicate(timeout=120)[0] for process in started]
        assert [process.returncode for process in started] == [0] * number, "\n".join(said)
        for case in cases:
            files = [folders[number] / f"{case}-{process}.pt" for process in range(number)]
            found[number, case] = [torch.load(file, weights_only=False) for file in files]
    for case in worlds.CASES:
        found[1, case] = [worlds.train(data, tmp_path_factory.mktemp("alone"), case)]
    return found


@pytest.mark.parametrize(("number", "case"), [(number, case) for number, cases in SEVERAL.items() for case in cases])
def test_several_processes_find_what_one_does(trained: Any, number: int, case: str) -> None:
    first, *others = trained[number, case]
    for other in others:
        assert other["losses"] == first["losses"]
        assert other["scores"] == first["scores"]
        assert all(torch.equal(other["tensors"][name], value) for name, value in first["tensors"].items())
        assert torch.equal(other["random"], first["random"])
        assert np.array_equal(other["ranks"], first["ranks"])
    (alone,) = trained[1, case]
    assert len(first["losses"]) >= 1
    if case == worlds.DRAWN_ALONE:
        assert first["losses"] == pytest.approx(alone["losses"], rel=0.1)
        return
    assert torch.equal(first["random"], alone["random"])
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    assert first["scores"] == pytest.approx(alone["scores"])
    assert first["metrics"] == pytest.approx(alone["metrics"])
    assert np.array_equal(first["ranks"], alone["ranks"])
    for name, value in alone["tensors"].items():
        torch.testing.assert_close(first["tensors"][name], value, rtol=1e-3, atol=1e-4, msg=name)
