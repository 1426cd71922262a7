"""What the file of a checkpoint holds, and what becomes of files that are not one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from recbole_metarec.errors import UserError
from recbole_metarec.training import checkpoint
from recbole_metarec.training.outline import outline
from recbole_metarec.training.tree import flatten, unflatten

TEXTS = st.text(st.characters(), max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
KEYS = TEXTS | st.integers() | st.sampled_from(["$tensor", "$dict", "$texts"])
TREES = st.recursive(
    PLAIN | st.lists(TEXTS, min_size=100, max_size=120),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_an_outline_has_the_plain_values(tree: Any, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x", {"tree": tree, "tensor": torch.zeros(2, 3, dtype=torch.int16)})
    found = outline(tmp_path / "x")
    assert repr(found["tree"]) == repr(tree)
    assert (found["tensor"].shape, found["tensor"].nbytes) == ((2, 3), 12)


@given(TREES)
def test_any_tree_of_plain_values_comes_back(tree: Any) -> None:
    text, tensors = flatten(tree)
    assert text.isascii()
    again = unflatten(text, tensors.__getitem__)
    assert again == tree
    assert repr(again) == repr(tree)  # True is not 1


def of(tree: dict[str, Any], key: str) -> list[torch.Tensor]:
    return [each for each in tree[key] if isinstance(each, torch.Tensor)]


def test_tensors_of_every_kind_come_back_and_shared_ones_once(tmp_path: Path) -> None:
    table = torch.arange(12.0).view(3, 4)
    tree = {
        "inputs": table,
        "deep": [{"outputs": table}, table.T, table[1]],
        "kinds": [table.to(kind) for kind in (torch.bool, torch.bfloat16, torch.complex64, torch.int8, torch.float64)],
        "empty": [torch.zeros(0, 3), torch.zeros(0, 3), torch.tensor(7)],
        "sparse": table.to_sparse(),
        "a.b": torch.ones(1),
        "a": {"b": torch.zeros(1)},
    }
    checkpoint.save(tmp_path / "x", tree)
    again = checkpoint.load(tmp_path / "x")
    assert again["inputs"] is again["deep"][0]["outputs"]
    for key in ("kinds", "empty", "deep"):
        for kept, found in zip(of(tree, key), of(again, key), strict=True):
            assert kept.dtype == found.dtype
            assert torch.equal(kept, found)
    assert torch.equal(again["sparse"].to_dense(), table)
    assert (float(again["a.b"]), float(again["a"]["b"])) == (1, 0)
    with safe_open(tmp_path / "x", "pt") as file:  # another's reader, and names that it can show
        assert torch.equal(file.get_tensor("inputs"), table)
        assert {"deep.1", "deep.2"} <= {*file.keys()}
        assert "deep.0.outputs" not in file.keys()  # noqa: SIM118


def test_names_of_many_items_stay_out_of_the_header(tmp_path: Path) -> None:
    names = [f"ä{number}" for number in range(5000)]
    checkpoint.save(tmp_path / "x", {"item_tokens": names, "titles": {name: f"title {name}" for name in names}})
    again = checkpoint.load(tmp_path / "x")
    assert again["item_tokens"] == names
    assert again["titles"]["ä7"] == "title ä7"
    (length,) = struct.unpack("<Q", (tmp_path / "x").read_bytes()[:8])
    assert length < 1500


def rewritten(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change what a file's header says."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    tree = json.loads(header["__metadata__"]["tree"])
    said = {"header": header, "tree": tree}
    change(said)
    header["__metadata__"]["tree"] = said["tree"] if isinstance(said["tree"], str) else json.dumps(said["tree"])
    begin = json.dumps(header).encode()
    begin += b" " * (-len(begin) % 8)
    return struct.pack("<Q", len(begin)) + begin + content[8 + length :]


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "newer format (recbole_metarec/3): update the package": lambda said: said["header"]["__metadata__"].update(
        format="recbole_metarec/3"
    ),
    "not a checkpoint of format": lambda said: said["header"]["__metadata__"].update(format="pt"),
    "KeyError: 'nothing'": lambda said: said["tree"].update(a={"$tensor": "nothing"}),
    "$code is no kind": lambda said: said["tree"].update(a={"$code": "import os"}),
    "RecursionError": lambda said: said.update(tree="[" * 100_000),
    "JSONDecodeError": lambda said: said.update(tree="{"),
    "it holds a list": lambda said: said.update(tree=[1]),
    "ends of texts": lambda said: said["tree"]["names"]["$texts"].reverse(),
    "unhashable": lambda said: said["tree"].update(a={"$dict": [[[]], [1]]}),
    "cut off": lambda said: said["header"]["t"].update(data_offsets=[0, 1 << 40]),
}


READERS = pytest.mark.parametrize("read", [checkpoint.load, outline])


@READERS
@pytest.mark.parametrize("message", HOSTILE)
def test_a_hostile_or_newer_file_is_one_line(tmp_path: Path, message: str, read: Callable[[Path], object]) -> None:
    path = tmp_path / "x.safetensors"
    names = [f"{number:03}" for number in range(128)]
    checkpoint.save(path, {"t": torch.arange(200), "names": names})
    path.write_bytes(rewritten(path.read_bytes(), HOSTILE[message]))
    with pytest.raises(UserError) as raised:
        read(path)
    (line,) = raised.value.problems
    assert line.startswith(f"{path}: ")
    assert message in line
    assert "\n" not in line


@READERS
def test_a_file_that_is_cut_off_or_anothers_is_one_line(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, {"t": torch.arange(200)})
    content = path.read_bytes()
    for length in (0, 5, 9, 100, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"^\S*x\.safetensors: not a checkpoint of this package[^\n]*$"):
            read(path)
    save_file({"t": torch.ones(3)}, path)
    with pytest.raises(UserError, match=r"^\S*x\.safetensors: not a checkpoint[^\n]*$"):
        read(path)
