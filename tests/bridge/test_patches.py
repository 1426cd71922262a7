"""What the table of patches says is so, once and not twice; patches with tests of their own are left out here."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest
import scipy.sparse
import torch
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.evaluator import Collector
from recbole.evaluator.collector import DataStruct
from recbole.utils.argument_list import dataset_arguments

from recbole_metarec.bridge import patches
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.patches.__main__ import page
from recbole_metarec.bridge.registry import register
from recbole_metarec.domains.embedded import PREFIX
from recbole_metarec.errors import UserError
from recbole_metarec.runs.prepare import prepare

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_page_is_that_of_the_table() -> None:
    assert (DOCS / "patches.md").read_text(encoding="utf-8") == page()


def test_every_module_is_in_the_table() -> None:
    modules = {path.stem for path in Path(patches.__file__).parent.glob("[!_]*.py")}
    assert modules == {patch.name for patch in patches.PATCHES}


def patched() -> Iterator[object]:
    """List everything in RecBole's modules, and what is patched elsewhere."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("recbole."):
            for value in vars(module).values():
                yield value
                yield from vars(value).values() if isinstance(value, type) else ()
    yield from (torch.load, np.load, vars(scipy.sparse.dok_matrix).get("_update"), tuple(dataset_arguments))


def test_applying_twice_changes_nothing() -> None:
    before = list(patched())
    patches.apply_all()
    register()
    assert all(a is b or a == b for a, b in zip(patched(), before, strict=True))


def run_apart(code: str) -> None:
    """Run code in a Python of its own, to which nothing is imported yet."""
    subprocess.run([sys.executable, "-c", code], check=True)


KNOWN_WARNINGS = """
import warnings
with warnings.catch_warnings(record=True) as shown:
    warnings.warn("pkg_resources is deprecated as an API")
    warnings.warn("`torch.cuda.amp.GradScaler(args...)` is deprecated", FutureWarning)
    warnings.warn("another")
assert [str(warning.message) for warning in shown] == ["another"]
"""


def test_numpys_old_aliases_are_back() -> None:
    assert np.float_ is np.float64
    assert np.bool8 is np.bool_


def test_a_graph_model_can_fill_its_matrix() -> None:
    matrix = scipy.sparse.dok_matrix((2, 2))
    matrix._update({(0, 1): 1.0})
    assert matrix[0, 1] == 1


RAY = """
import importlib.metadata, signal, sys
sys.modules.update(dict.fromkeys({missing}))
installed = importlib.metadata.version
def version(name):
    if name == "ray" and "ray" in {missing}:
        raise importlib.metadata.PackageNotFoundError(name)
    return "2.60.1" if name == "ray" else installed(name)
importlib.metadata.version = version
before = [signal.getsignal(number) for number in signal.valid_signals()]
import recbole_metarec.bridge
assert [signal.getsignal(number) for number in signal.valid_signals()] == before
"""


@pytest.mark.parametrize("missing", [["ray.tune"], ["ray", "ray.tune"]])
def test_recbole_starts_without_ray_tune_leaves_no_stand_in_and_known_warnings_are_silent(missing: list[str]) -> None:
    code = "import recbole.quick_start; assert 'ray.tune' not in sys.modules"
    run_apart(RAY.format(missing=missing) + code + KNOWN_WARNINGS)


def test_an_import_of_ray_changes_no_signal_handler() -> None:
    pytest.importorskip("ray.tune")
    run_apart(RAY.format(missing=[]) + "assert 'ray.tune' in sys.modules")
    later = "import ray; assert [signal.getsignal(number) for number in signal.valid_signals()] == before"
    run_apart(RAY.format(missing=[]).replace("2.60.1", "2.6.3") + f"assert 'ray' not in sys.modules; {later}")


def test_no_ray_is_imported_before_it_is_asked_for() -> None:
    run_apart(
        "import sys, recbole_metarec.cli.main; assert not [name for name in sys.modules if name.startswith('ray')]"
    )


def test_training_is_not_slowed_by_anomaly_detection() -> None:
    importlib.import_module("recbole.model.sequential_recommender.sine")
    assert not torch.is_anomaly_enabled()


def test_metrics_can_have_numbers() -> None:
    data = DataStruct()
    data.set("data.num_items", 5)
    data.set("rec.topk", torch.ones(2))
    found = Collector.get_data_struct(SimpleNamespace(data_struct=data))
    assert found.get("data.num_items") == 5
    assert found.get("rec.topk").tolist() == [1, 1]


def stock(suite: Path, model: str, **changes: Any) -> PluginConfig:
    settings = {"data_path": str(suite), "gpu_id": "", "state": "ERROR", **changes}
    return PluginConfig(model, planted.TARGET, settings)


def test_pop_counts_interactions(suite: Path) -> None:
    model = prepare(stock(suite, "Pop"))[0].model
    batch = {"item_id": torch.tensor([3, 3, 5, 7]), "label": torch.tensor([1.0, 1.0, 1.0, 0.0])}
    model.calculate_loss(Interaction(batch))
    assert model.item_cnt.flatten()[[3, 5, 7]].tolist() == [2, 1, 0]


def test_recbole_is_kept_from_malformed_files(tmp_path: Path) -> None:
    folder = tmp_path / planted.TARGET
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float", "u1\ti1\t1\t7", "u1\ti2\t2\t8"]
    (folder / f"{planted.TARGET}.inter").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"planted-target\.inter"):
        Dataset(stock(tmp_path, "BPR"))


def test_recboles_models_have_the_embedded_domains(tmp_path: Path) -> None:
    name = f"{PREFIX}western"
    dataset = Dataset(PluginConfig("BPR", name, {"data_path": str(tmp_path), "state": "ERROR"}))
    assert dataset.item_num > 1
    assert (tmp_path / name / f"{name}.inter").is_file()


def test_saved_data_are_those_of_the_same_sources_and_users() -> None:
    assert {"source_datasets", "train_users"} <= {*dataset_arguments}
