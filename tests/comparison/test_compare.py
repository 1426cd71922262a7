"""A comparison of four models on a tiny domain: run once each, interrupted and continued, written to files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import yaml
from recbole.data import create_dataset, data_preparation

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.cli.main import main
from recbole_metarec.comparison import compare as module
from recbole_metarec.comparison.compare import Comparison, compare
from recbole_metarec.comparison.entries import make_entries
from recbole_metarec.comparison.jobs import Job, finish
from recbole_metarec.comparison.report_file import write_report
from recbole_metarec.comparison.store import run_file
from recbole_metarec.comparison.summary import Summary, summarize, with_delivered
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.configuration.layers import resolve
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.evaluation.wording import percent
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.stored import Damaged, load_run, pack_ranks, save_run

MODELS = ["MetaRec", "SASRec", "Pop", "MetaRec:maml"]
LABELS = ["MetaRec", "MetaRec:scratch", "SASRec", "Pop", "MetaRec:maml", "Memory"]
OF_LABELS = ["MetaRec:ensemble", "MetaRec:delivered"]


def tiny(root: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    quick = {"warmup_epochs": 1, "meta_epochs": 1, "epochs": 2, "hidden_size": 16, "inner_size": 16, "seeds": 2}
    quick |= {"model": MODELS, "comparison_folder": str(folder / "runs"), "checkpoint_dir": str(folder)}
    settings = planted.settings(root, **{**quick, **changes})
    del settings["n_layers"]
    return settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def compared(suite: Path, folder: Path) -> tuple[Comparison, Summary]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["pytest"])
        found = compare(tiny(suite, folder), say=lambda line: None)
    return found, summarize(found)


def test_each_model_and_its_control_runs_with_each_seed(compared: Any) -> None:
    found, summary = compared
    assert list(found.runs) == [*LABELS[:2], "MetaRec:ensemble", *LABELS[2:]]
    assert {row.label for row in summary.rows} == {*LABELS, *OF_LABELS}
    assert all(sorted(runs) == [1, 2] for runs in found.runs.values())
    assert found.reference == "MetaRec:scratch"
    assert found.failures == {}
    for row in summary.rows:
        values = [run.test["ndcg@10"] for run in with_delivered(found)[row.label].values()]
        assert row.means["ndcg@10"] == pytest.approx(np.mean(values), abs=1e-6)
        assert row.spreads["ndcg@10"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
        assert row.peak_memory > 50


def test_nothing_runs_twice(suite: Path, folder: Path, compared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_one", lambda settings: pytest.fail("ran again"))
    again = compare(tiny(suite, folder, model=["SASRec", "MetaRec"], checkpoint_dir="elsewhere"))
    for label, runs in again.runs.items():
        for seed, run in runs.items():
            assert run.to_json() == compared[0].runs[label][seed].to_json()
            np.testing.assert_array_equal(run.ranks, compared[0].runs[label][seed].ranks)


def test_other_settings_are_other_runs(
    suite: Path, folder: Path, compared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(module, "run_one", lambda settings: asked.append(settings["epochs"]) or next_run(compared))
    compare(tiny(suite, folder, epochs=3, seeds=1), say=lambda line: None)
    assert asked == [3] * len(LABELS)


def next_run(compared: Any) -> RunResult:
    run: RunResult = compared[0].runs["Pop"][1]
    return replace(run, checkpoint=None)  # of which no ensemble can be made


def test_an_interrupted_comparison_goes_on_and_a_failure_stops_nobody(
    suite: Path, tmp_path: Path, compared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def fake(settings: dict[str, Any]) -> RunResult:
        if settings["model"] == "SASRec":
            raise RuntimeError("no\nmemory")
        if settings["model"] == "Pop" and not interrupted:
            raise KeyboardInterrupt
        done.append(settings["model"])
        return next_run(compared)

    monkeypatch.setattr(module, "run_one", fake)
    interrupted: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        compare(tiny(suite, tmp_path), say=lambda line: None)
    assert done == ["MetaRec", "MetaRec"]
    interrupted.append(True)
    found = compare(tiny(suite, tmp_path), say=lambda line: None)
    assert len(done) == 2 * 5
    assert found.failures == {("SASRec", seed): "RuntimeError: no memory" for seed in (1, 2)}
    assert "SASRec, seed 1 failed: RuntimeError: no memory" in text_report(found, summarize(found))


def test_entries_are_chosen_by_validation_as_tested_memory_joined(compared: Any) -> None:
    found, summary = compared
    printed = text_report(found, summary)
    for row in summary.rows:
        runs = with_delivered(found)[row.label]
        assert row.valid == pytest.approx(np.mean([run.valid["ndcg@10"] for run in runs.values()]))
        assert f"  {row.valid:.4f}  " in next(line for line in printed.splitlines() if line.startswith(f"{row.label} "))
    assert "valid NDCG@10" in printed
    assert any(run.valid["ndcg@10"] != max(run.curve) for run in found.runs["MetaRec"].values())  # the model's alone


def test_effects_are_paired_over_users_and_seeds(compared: Any) -> None:
    found, summary = compared
    effects = {effect.label: effect for effect in summary.effects}
    assert set(effects) == {"SASRec", "Pop", "Memory", *OF_LABELS}
    ours, theirs = (
        np.mean([metric_of_ranks("ndcg@10", run.ranks) for run in found.runs[label].values()], axis=0)
        for label in ("Pop", "MetaRec:scratch")
    )
    assert effects["Pop"].change.relative == pytest.approx(ours.mean() / theirs.mean() - 1)
    assert [(effect.label, effect.against) for effect in summary.transfers] == [
        ("MetaRec", "MetaRec:scratch"),
        ("MetaRec:maml", "MetaRec:scratch"),
    ]
    assert min(effect.adjusted_p - effect.change.p for effect in summary.effects) >= 0


def test_groups_divide_the_users(compared: Any) -> None:
    found, summary = compared
    (by_history, _), (by_popularity, lines) = summary.groups
    assert by_history == "interactions before the target"
    assert by_popularity == "popularity of the target"
    assert sum(size for _, size, _ in lines) == 60
    whole = sum(size * means["MetaRec"] for _, size, means in lines if size) / 60
    assert whole == pytest.approx(summary.rows[0].means["ndcg@10"])
    history = found.description.groupings[0]
    assert history.group.tolist() == [2] * 60  # 13 items before the last


def settings_of(found: Comparison) -> dict[str, Any]:
    return dict(found.entries[0].settings)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_shows_every_number_and_needs_nothing_else(compared: Any, tmp_path: Path) -> None:
    found, summary = compared
    write_report(tmp_path / "r.html", found, summary)
    text = (tmp_path / "r.html").read_text()
    page = Page()
    page.feed(text)
    for row in summary.rows:
        assert row.label in page.texts
        assert f"{row.valid:.4f}" in page.texts
        for name in row.means:
            assert f"{row.means[name]:.4f} ± {row.spreads[name]:.4f}" in page.texts
    for effect in [*summary.effects, *summary.transfers]:
        assert percent(effect.change.relative) in page.texts
        assert f"{percent(effect.change.low)} to {percent(effect.change.high)}" in page.texts
        assert effect.verdict in page.texts
    for said in (*summary.answers, *summary.notes, summary.answer.said, summary.answer.next_step):
        assert said in page.texts
    for step in summary.steps:
        assert {step.part, step.label, f"{step.mean:.4f}"} <= {*page.texts}
    assert sum(tag == "svg" and "step" in str(a.get("class")) for tag, a in page.tags) == len(summary.steps) == 3
    cells = [a["data-name"] for tag, a in page.tags if tag == "td" and "data-name" in a]
    assert {"model", "NDCG@10", "95% interval", "verdict"} <= {*cells}
    for source in settings_of(found)["source_datasets"]:
        assert any(line.startswith(f"{source}: 300 users, 24 items") for line in page.texts)
    settings = next(block for block in page.texts if "warmup_epochs:" in block)
    assert yaml.safe_load(settings)["warmup_epochs"] == 1
    assert sum(tag == "polyline" for tag, _ in page.tags) == len(LABELS) - 2  # Pop and the memory have no epochs
    joined = sum(tag == "line" and "joins" in str(a.get("class")) for tag, a in page.tags)
    assert joined == 3  # of this package's models
    weights = found.runs["MetaRec"][1].diagnostics["weight_history"]
    rectangles = sum(tag == "rect" for tag, _ in page.tags)
    assert rectangles == 2 * len(weights) * len(weights[0])  # MetaRec and MetaRec:maml
    assert sum(tag == "svg" and "interval" in str(a.get("class")) for tag, a in page.tags) == len(summary.effects) + 2
    assert not re.search(r"(?:src|href)=|url\(|@import", text)


def test_markdown_and_json_say_the_same(compared: Any, tmp_path: Path) -> None:
    found, summary = compared
    for name in ("r.md", "r.json"):
        write_report(tmp_path / name, found, summary)
    markdown, content = (tmp_path / "r.md").read_text(), json.loads((tmp_path / "r.json").read_text())
    assert len(content["runs"]) == 2 * (len(LABELS) + 1)
    for row, stored in zip(summary.rows, content["summary"]["rows"], strict=True):
        assert f"{stored['means']['ndcg@10']:.4f} ± {row.spreads['ndcg@10']:.4f}" in markdown
    assert "## Transfer against scratch" in markdown


def test_the_command_compares(suite: Path, folder: Path, compared: Any, capsys: Any, tmp_path: Path) -> None:
    settings = {**tiny(suite, folder), "report": [str(tmp_path / "r.md")], "reference": "SASRec"}
    arguments = [f"--{key}={','.join(value) if isinstance(value, list) else value}" for key, value in settings.items()]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Against SASRec" in printed
    assert (tmp_path / "r.md").is_file()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"model": ["MetaRec", "MetaRec"]}, "--model=MetaRec: stands there twice"),
        ({"model": ["MetaRec:joined"]}, "no such variant; write one of MetaRec:scratch, MetaRec:joint, MetaRec:maml"),
        ({"model": ["SASRec:scratch"]}, "--model=SASRec:scratch: no such variant; write SASRec"),
        ({"model": ["MetaRec", "SASReck"]}, "--model=SASReck: no such model; did you mean SASRec"),
        ({"model": ["Pop"], "quantizer": False}, "--quantizer: no model of the comparison knows it"),
        ({"reference": "GRU4Rec"}, "--reference=GRU4Rec: must be one of MetaRec, MetaRec:scratch, SASRec, Pop"),
        ({"seeds": 0}, "--seeds=0: must be a whole number, 1 or more"),
        ({"report": ["r.pdf"]}, "--report=r.pdf: must be the name of a .html or .md or .json file"),
        ({"report": [f"{__file__}/r.md"]}, "test_compare.py is no folder that you may write to"),
        ({"report": 3}, "--report=3: must list names of .html, .md, .json files"),
    ],
)
def test_mistakes_are_named_before_anything_runs(
    suite: Path, tmp_path: Path, changes: dict[str, Any], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", lambda settings: pytest.fail("ran"))
    with pytest.raises(UserError) as refused:
        compare(tiny(suite, tmp_path, **changes))
    assert any(wanted in problem for problem in refused.value.problems), refused.value.problems


def test_keys_go_to_the_models_that_know_them(suite: Path, tmp_path: Path) -> None:
    entries = {entry.label: entry.settings for entry in make_entries(tiny(suite, tmp_path))}
    assert entries["MetaRec"]["warmup_epochs"] == 1
    assert "warmup_epochs" not in entries["SASRec"]
    assert entries["SASRec"]["epochs"] == entries["MetaRec"]["epochs"] == 2
    assert entries["MetaRec:scratch"]["source_datasets"] == []
    assert entries["MetaRec:maml"]["source_share"] == 0
    without = make_entries(tiny(suite, tmp_path, model=["MetaRec"], scratch_control=False))
    assert [entry.label for entry in without] == ["MetaRec"]
    no_memory = make_entries(tiny(suite, tmp_path, model=["MetaRec"], memory_weight=0))
    assert [entry.label for entry in no_memory] == ["MetaRec", "MetaRec:scratch"]


def test_each_source_is_left_out_in_turn(
    suite: Path, tmp_path: Path, compared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    stored = compared[0].runs

    def fake(settings: dict[str, Any]) -> RunResult:
        asked.append(settings["source_datasets"])
        run: RunResult = stored["MetaRec" if settings["source_datasets"] else "MetaRec:scratch"][1]
        return replace(run, checkpoint=None)

    monkeypatch.setattr(module, "run_one", fake)
    found = compare(tiny(suite, tmp_path, model=["MetaRec"], leave_one_out=True, seeds=1), say=lambda line: None)
    sources = [*planted.FRIENDLY, planted.HOSTILE]
    left_out = [[name for name in sources if name != one] for one in sources]
    assert asked == [sources, [], *left_out, sources]  # the memory last
    summary = summarize(found)
    assert [(effect.label, effect.against) for effect in summary.sources] == [
        ("MetaRec", f"MetaRec:without-{name}") for name in sources
    ]
    assert [effect.label for effect in summary.effects] == ["MetaRec:delivered", "Memory"]
    assert f"MetaRec with {planted.HOSTILE} makes no clear difference" in "\n".join(summary.answers)
    assert list(summary.weights) == ["MetaRec", "Memory"]  # of the stand-in for its run
    shown = {"MetaRec", "MetaRec:delivered", "MetaRec:scratch", "Memory"}
    assert all(set(means) <= shown for _, lines in summary.groups for _, _, means in lines)
    titles = [title for title, _ in summary.tables(found.reference)]
    assert titles == ["Transfer against scratch", "With a source against without", "Against MetaRec:scratch"]
    printed = text_report(found, summary)
    assert all(f"without-{name}" in printed for name in sources)


def test_a_stored_run_is_what_was_saved(compared: Any, tmp_path: Path) -> None:
    run = compared[0].runs["MetaRec"][1]
    save_run(tmp_path / "x.json", run)
    again = load_run(tmp_path / "x.json")
    assert again == run
    np.testing.assert_array_equal(again.ranks, run.ranks)
    assert load_run(tmp_path / "y.json") is None


def damages(text: str) -> Iterator[str | bytes]:
    content = json.loads(text)
    yield from ("", "null", "[]", "3", "{}", text[: len(text) // 2], text[:-2], b"\xff" + text.encode(), "[" * 100_000)
    for key in content:
        yield json.dumps({other: value for other, value in content.items() if other != key})
    for key, value in {
        "seed": "1",
        "seconds": "1",
        "test": [1],
        "valid": {"ndcg@10": "x"},
        "curve": {},
        "log": 3,
    }.items():
        yield json.dumps({**content, key: value})
    for ranks in (3, "", "x", content["ranks"][:-8], pack_ranks(np.arange(3))):
        yield json.dumps({**content, "ranks": ranks})
    yield json.dumps({**content, "nonsense": 1})


def test_a_damaged_run_is_told_from_one_that_was_saved(compared: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    save_run(path, compared[0].runs["MetaRec"][1])
    for content in damages(path.read_text()):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(Damaged):
            load_run(path)


def test_a_run_of_an_older_format_is_named_and_made_anew(compared: Any, tmp_path: Path) -> None:
    run, said = next_run(compared), list[str]()
    job = Job("Pop, seed 1", tmp_path / "x.json", {})
    save_run(job.path, run)
    content = json.loads(job.path.read_text())
    content |= {"source_weights": None, "weight_history": [], "codebook": None}
    job.path.write_text(json.dumps({key: value for key, value in content.items() if key != "diagnostics"}))
    assert finish([job], lambda settings: run, 1, said.append) == [run]
    assert f"{job.path}: is of an older format; Pop, seed 1 is made anew" in said
    assert load_run(job.path) == run


def test_a_run_of_the_format_before_is_read_without_what_it_did_not_know(compared: Any, tmp_path: Path) -> None:
    run, path = compared[0].runs["Pop"][1], tmp_path / "x.json"
    save_run(path, run)
    content = json.loads(path.read_text())
    new = ("format", "preset", "other_ranks", "valid_other_ranks")
    path.write_text(json.dumps({key: value for key, value in content.items() if key not in new}))
    read = load_run(path)
    assert read is not None
    assert read == run
    np.testing.assert_array_equal(read.valid_ranks, run.valid_ranks)
    assert read.other_ranks is None
    assert read.with_history(not run.mask_history) is None
    path.write_text(json.dumps({**content, "format": content["format"] + 1}))
    with pytest.raises(Damaged, match="is of another format"):
        load_run(path)


def test_a_damaged_run_is_named_and_made_anew(compared: Any, tmp_path: Path) -> None:
    run, said = next_run(compared), list[str]()
    job = Job("Pop, seed 1", tmp_path / "x.json", {})
    job.path.write_text("{")
    assert finish([job], lambda settings: run, 1, said.append) == [run]
    assert f"{job.path}: is damaged; Pop, seed 1 is made anew" in said
    assert load_run(job.path) == run


def test_a_run_that_cannot_be_kept_is_shown_all_the_same(compared: Any, tmp_path: Path) -> None:
    run, said = next_run(compared), list[str]()
    (tmp_path / "file").touch()
    job = Job("Pop, seed 1", tmp_path / "file" / "x.json", {})
    assert finish([job], lambda settings: run, 1, said.append) == [run]
    assert any(line.startswith("Pop, seed 1: is not kept: ") for line in said)


@pytest.mark.parametrize("name", ["plain", "[a]", "a*"])
def test_changed_data_are_another_run_whatever_their_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    settings = {"model": "SASRec", "dataset": name, "data_path": str(tmp_path), "seed": 1}
    (folder / f"{name}.inter").write_text("a")
    resolved = resolve("SASRec", settings)
    before = run_file(tmp_path, "x", resolved)
    (folder / f"{name}.inter").write_text("b")
    assert run_file(tmp_path, "x", resolved) != before


def test_what_decides_a_run_names_its_file(suite: Path, tmp_path: Path) -> None:
    def name(**settings: Any) -> Path:
        given: dict[str, Any] = {"data_path": str(suite), "dataset": planted.TARGET, "model": "SASRec", "seed": 1}
        given |= settings
        return run_file(tmp_path, "x", resolve(given["model"], given))

    ours = {"model": "MetaRec", "source_datasets": planted.FRIENDLY}
    copied = shutil.copytree(suite, tmp_path / "data")
    here = {"data_path": str(copied)}
    (copied / planted.TARGET / f"{planted.TARGET}.card.json").write_text("{}")
    assert name() == name(**here) == name(**here, source_datasets=planted.FRIENDLY) == name(**here, gpu_id="3")
    assert name(**ours) == name(**ours, **here)
    assert (
        len({name(), name(seed=2), name(epochs=3), name(mask_history=True), name(**ours), name(model="MetaRec")}) == 6
    )
    silent = {"report": ["r.md"], "seeds": 3, "bootstrap_samples": 100, "feature_cache": "cache", "resume": None}
    assert name(**ours) == name(**ours, **silent)
    assert name(model="ANT") != name(model="ANT", n_experts=3)
    cores = [tmp_path / "a.pth", tmp_path / "b.pth", tmp_path / "copy" / "a.pth"]
    cores[2].parent.mkdir()
    for core, content in zip(cores, "aba", strict=True):
        core.write_text(content)
    first, other, same = (name(model="ANT", pretrained=str(core)) for core in cores)
    assert first == same != other
    source = copied / planted.FRIENDLY[0] / f"{planted.FRIENDLY[0]}.inter"
    source.write_text(source.read_text() + "\n")
    assert name() == name(**here)
    assert name(**ours) != name(**ours, **here)


def test_general_models_are_tested_on_the_same_targets_in_the_same_order(suite: Path) -> None:
    rows = []
    for model in ("MetaRec", "Pop"):
        config = PluginConfig(model, planted.TARGET, {"data_path": str(suite), "gpu_id": "", "state": "ERROR"})
        _, _, test = data_preparation(config, create_dataset(config))
        dataset = test._dataset
        rows.append([dataset.inter_feat[field].tolist() for field in (dataset.uid_field, dataset.iid_field)])
        if model == "Pop":
            assert list(test.uid_list) == rows[1][0]
    assert rows[0] == rows[1]
