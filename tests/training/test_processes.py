"""Which GPU a process has, and what several processes refuse."""

from __future__ import annotations

import pytest

from recbole_metarec.comparison.compare import compare
from recbole_metarec.configuration.checks import sound
from recbole_metarec.configuration.layers import resolve
from recbole_metarec.errors import UserError
from recbole_metarec.training.environment import own_gpu


@pytest.mark.parametrize(
    ("gpu_id", "place", "here", "own"),
    [
        ("0", 2, 4, "2"),
        ("4,5,6,7", 2, 4, "6"),
        ((4, 5), 1, 2, "5"),
        ("", 1, 2, ""),
        ("-1", 1, 2, "-1"),
        ("0,1", 0, 1, "0,1"),
    ],
)
def test_each_process_of_a_machine_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, gpu_id: object, place: int, here: int, own: str
) -> None:
    monkeypatch.setenv("LOCAL_RANK", str(place))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
    assert own_gpu(gpu_id) == own


def test_fewer_gpus_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(UserError, match="--gpu_id=0,1: 4 processes need as many GPUs"):
        own_gpu("0,1")


def test_what_several_processes_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--nproc=2: SASRec is a model of RecBole"):
        sound({"model": "SASRec", "nproc": 2})
    with pytest.raises(UserError, match="start this program with torchrun --nproc_per_node=2"):
        sound({"model": "MetaRec", "nproc": 2})
    with pytest.raises(UserError, match="--nproc=2: is for one model"):
        compare({"model": ["MetaRec", "ANT"], "nproc": 2})
    assert resolve("MetaRec", {})["nproc"] == 1
    for key, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(UserError, match="--nproc=3: there are 2 processes already"):
        sound({"model": "MetaRec", "nproc": 3})
