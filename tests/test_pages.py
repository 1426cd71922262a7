"""Every command and snippet of the README and of docs/ is run, the training cut short."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import pages
import pytest
import recbole.quick_start
from pages import PAGES, REPOSITORY

import recbole_metarec as rm
from recbole_metarec.demo import world


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("embedded")
    pages.write_domains(root)
    return root


@pytest.fixture(scope="module")
def checkpoint(domains: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = {"dataset": "ml-100k-western", "source_datasets": ["ml-100k-war"], "data_path": str(domains)}
    settings |= {"checkpoint_dir": str(tmp_path_factory.mktemp("saved")), "scratch_control": False}
    (run,) = rm.run({**settings, "model": "MetaRec", **pages.quick("MetaRec", {})})
    return str(run.checkpoint)


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", [*filter(pages.has_code, PAGES)], ids=name_of)
def test_what_a_page_says_can_be_done(
    page: Path, domains: Path, checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(domains, tmp_path / "dataset")
    pages.write_files(tmp_path)
    monkeypatch.setattr(world, "World", partial(world.World, share=0.3))
    for module, name, place in ((rm, "run", 0), (rm, "compare", 1)):
        monkeypatch.setattr(module, name, pages.cut_short(getattr(module, name), place))
    monkeypatch.setattr(
        recbole.quick_start,
        "run_recbole",
        lambda config_dict, original=recbole.quick_start.run_recbole, **keys: original(
            config_dict={**config_dict, **pages.quick(keys["model"], config_dict)}, **keys
        ),
    )
    reader = pages.Reader(checkpoint)
    for block in sorted(pages.blocks(page), key=lambda block: block.kind != "yaml"):
        if block.is_run:
            print(f"{page}:{block.line}")  # shown where it fails
            reader.does(block)


def test_nearly_every_block_is_run() -> None:
    every = [block for page in PAGES if page.parent != pages.RESULTS for block in pages.blocks(page)]
    assert sum(not block.is_run for block in every) <= len(every) / 10
    assert {block.kind for block in pages.blocks(PAGES[0])} >= {"bash", "python"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link
