"""The folder of an export: what stands in it, and that the example which reads it scores as the model does."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import REPOSITORY
from made import FIRST_DAY, SETTINGS, make_domain, make_encoder, make_evidence, make_recommender, save

from recbole_metarec.cli.main import main
from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.requests import Requests, first_days
from recbole_metarec.errors import UserError
from recbole_metarec.export.encoder import encoder_onnx
from recbole_metarec.export.export import export
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.recommender import load

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

MODES: dict[str, dict[str, Any]] = {
    "timed": {"kind": "timed"},
    "timed, after its last day": {"kind": "timed", "day": FIRST_DAY + 90},
    "timed, early, known items": {"kind": "timed", "day": FIRST_DAY + 20, "known": True},
    "timed, frozen": {
        "kind": "timed",
        "settings": SETTINGS.model_copy(update={"evidence_frozen": True}),
        "day": FIRST_DAY + 75,
    },
    "timed alone": {"kind": "timed", "alone": True},
    "memory": {"kind": "memory"},
    "memory alone": {"kind": "memory", "alone": True},
    "none": {"kind": "none"},
}
DOMAIN = make_domain()


@cache
def small_encoder() -> SequenceEncoder:
    return make_encoder("transformer", max_length=5)


@pytest.fixture(autouse=True, scope="module")
def _each_encoder_is_traced_once() -> Iterator[None]:
    """Keep the ONNX model of an encoder for others of the same weights: it takes seconds."""
    traced: dict[tuple[bytes, ...], bytes] = {}

    def once(encoder: SequenceEncoder) -> bytes:
        weights = encoder.exportable().state_dict().values()
        key = (str(encoder.max_length).encode(), *(tensor.numpy().tobytes() for tensor in weights))
        if key not in traced:
            traced[key] = encoder_onnx(encoder)
        return traced[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbole_metarec.export.export.encoder_onnx", once)
        yield


def serve(folder: Path) -> Any:
    """Load the example on a folder."""
    spec = importlib.util.spec_from_file_location("serve_exported", REPOSITORY / "examples" / "serve_exported.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Exported(folder)


def test_the_example_skips_what_it_does_not_know_and_names_what_is_missing(tmp_path: Path) -> None:
    rec = make_recommender(DOMAIN, make_evidence(DOMAIN, "memory"), make_encoder())
    path = save(rec, tmp_path / "made.safetensors")
    list(export(path, tmp_path / "out"))
    served = serve(tmp_path / "out")
    assert served.recommend(["i1", "no such", "i2"]) == served.recommend(["i1", "i2"])
    assert len(served.recommend(["no such"], k=3)) == 3
    list(export(path, tmp_path / "few", ["items"]))
    with pytest.raises(SystemExit, match=r"few: has no evidence.npz; export all parts"):
        serve(tmp_path / "few")


@pytest.mark.parametrize("mode", MODES)
def test_the_example_scores_as_the_model_does(mode: str, tmp_path: Path) -> None:
    options = dict(MODES[mode])
    day, known, alone = options.pop("day", FIRST_DAY + 60), options.pop("known", False), options.get("alone", False)
    evidence = make_evidence(DOMAIN, **options)
    encoder = make_encoder() if alone else small_encoder()
    assert DOMAIN.times is not None
    first = first_days(DOMAIN.items, DOMAIN.times, DOMAIN.n_items) if known else None
    rec = make_recommender(DOMAIN, evidence, encoder, first_days=first)
    list(export(save(rec, tmp_path / "made.safetensors"), tmp_path / "out", at=day * float(DAY) + 7))
    served = serve(tmp_path / "out")

    rng = np.random.default_rng(1)
    lengths = [0, 1, 2, 5, 9, 14]
    items = rng.integers(1, DOMAIN.n_items + 1, sum(lengths))
    days = np.concatenate([np.sort(day - rng.integers(0, 12, length)) for length in lengths])
    end = np.cumsum(lengths)
    begin = end - lengths
    padded, times = np.append(items, 0), np.append(days, 0) * float(DAY)
    requests = Requests(padded, times, begin, end, np.full(len(lengths), day * float(DAY)))
    expected = rec.scores(requests).numpy()
    for row in range(len(lengths)):
        found = served.scores(items[begin[row] : end[row]], days[begin[row] : end[row]])
        np.testing.assert_allclose(found, expected[row], atol=1e-4)
    named = [[f"i{item}" for item in items[begin[row] : end[row]]] for row in range(len(lengths))]
    for sequence, answer in zip(named, rec.recommend(named, 5, at=day * float(DAY)), strict=True):
        found = served.recommend(sequence, 5)
        assert [item for item, _ in found] == [each.item_id for each in answer]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    titles = ["", *(f"Title {number}" for number in range(2, DOMAIN.n_items + 1))]
    rec = make_recommender(DOMAIN, make_evidence(DOMAIN, "memory"), make_encoder("gru"), codes=True, titles=titles)
    return save(rec, tmp_path_factory.mktemp("model") / "made.safetensors")


def test_tables_name_the_items_and_both_forms_are_the_same(checkpoint: Path, tmp_path: Path) -> None:
    written = [path.name for path, _ in export(checkpoint, tmp_path, ["items", "codes"])]
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
    for table, columns in (("items", ("inputs", "outputs")), ("codes", ("codes",))):
        arrays, frame = np.load(tmp_path / f"{table}.npz"), pl.read_parquet(tmp_path / f"{table}.parquet")
        assert frame["item_id"].to_list() == arrays["ids"][1:].tolist() == [f"i{n}" for n in range(1, 41)]
        assert frame["title"].to_list() == [None, *(f"Title {n}" for n in range(2, 41))]
        for column in columns:
            np.testing.assert_array_equal(frame[column].to_numpy(), arrays[column][1:])


def test_what_is_asked_for_in_vain_is_named_all_at_once(tmp_path: Path) -> None:
    rec = make_recommender(DOMAIN, make_evidence(DOMAIN, "memory", alone=True), make_encoder())
    path = save(rec, tmp_path / "made.safetensors")
    with pytest.raises(UserError) as error:
        list(export(path, tmp_path / "out", ["encoder", "items", "codes"]))
    assert [line.split(":")[0] for line in error.value.problems] == ["--what=encoder", "--what=codes"]
    with pytest.raises(UserError, match="did you mean encoder"):
        list(export(path, tmp_path / "out", ["encoders"]))
    assert not (tmp_path / "out").exists()


def test_the_command_makes_what_a_hub_holds_and_its_checkpoint_loads(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoint), str(tmp_path / "out"), "--what=hub", "--at=2014-07-01"]) == 0
    names = [Path(line.split("  ")[0]).name for line in capsys.readouterr().out.splitlines()]
    assert names == ["model.safetensors", "README.md", "settings.json"]
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["date"] == "2014-07-01"
    expected = load(checkpoint).recommend([["i1", "i3"]])
    assert load(tmp_path / "out" / "model.safetensors").recommend([["i1", "i3"]]) == expected
    assert "rm.load('model.safetensors')" in (tmp_path / "out" / "README.md").read_text()


def test_the_index_holds_all_items_and_its_recall_is_said(checkpoint: Path, tmp_path: Path) -> None:
    usearch = pytest.importorskip("usearch.index")
    (path, said), (settings, _) = export(checkpoint, tmp_path, ["index"], at=FIRST_DAY * float(DAY))
    about = json.loads(settings.read_text())["index"]
    index = usearch.Index.restore(path.read_bytes())
    assert len(index) == DOMAIN.n_items
    assert index.ndim == sum(about["columns"].values()) + 1
    assert about["recall@10"] == 1  # it returns all of so few items
    assert "Recall@10 1.0000" in said


def test_a_day_that_is_none_is_one_line(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(checkpoint), str(tmp_path / "out"), "--at=soon"]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("error: --at=soon: is no time")
    assert not (tmp_path / "out").exists()
