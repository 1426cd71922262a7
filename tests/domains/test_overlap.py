"""What domains have in common, against sets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import timed

import recbole_metarec as rm
from recbole_metarec.domains import stored
from recbole_metarec.domains.atomic import read_interactions
from recbole_metarec.domains.overlap import Ids, ids_of, overlap_line

QUICK = {"gpu_id": "", "show_progress": False, "state": "ERROR", "evidence_rows": 60}


def ids(*rows: str) -> Ids:
    return ids_of(pd.DataFrame([row.split() for row in rows], columns=["user", "item"], dtype="category"))


def test_shares_are_of_the_target() -> None:
    target = ids("ann a", "ann b", "bob b", "bob c", "cid d")
    sources = {"x": ids("dan b", "bob e"), "y": ids("eve b", "eve c"), "z": ids("flo f")}
    assert overlap_line("shop", target, sources) == (
        "shop and its sources share the ids of 2 of 4 items (50%; 60% of interactions; y 2, x 1) and of 1 of 3 users "
        "(33%; 40% of interactions; x 1): they are taken for different ones, items too unless --shared_items=evidence"
    )
    as_one = overlap_line("shop", target, sources, apart=False)
    assert as_one is not None
    assert as_one.endswith(": items are one, users are not")
    assert overlap_line("shop", target, {"z": sources["z"]}) is None


def test_many_sources_are_counted() -> None:
    line = overlap_line("shop", ids("ann a"), {f"s{number}": ids("bob a") for number in range(7)})
    assert line is not None
    assert "(100%; 100% of interactions; s0 1, s1 1, s2 1, s3 1, 3 others)" in line


def test_domains_that_count_their_own_ids_share_none() -> None:
    numbered = ids(*(f"u{k} {k}" for k in range(1, 40)))
    sources = {"x": ids(*(f"u{k} {k}" for k in range(1, 60) if k != 30))}
    line = overlap_line("shop", numbered, sources)
    assert line is not None
    assert line.startswith("shop and its sources number their items and users alike: they are taken for different ones")
    some = ids(*(f"u{k} sku{7 * k}" for k in range(1, 40)))
    line = overlap_line("shop", some, {"x": some})
    assert line is not None
    assert "39 of 39 items" in line
    assert "users" not in line
    as_one = overlap_line("shop", numbered, sources, apart=False)
    assert as_one is not None
    assert "38 of 39 items" in as_one


def test_stored_interactions_have_the_ids_of_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SMALLEST", 0)
    monkeypatch.setattr(stored, "SETTLED_NS", -(10**12))
    timed.write(tmp_path, timed.draw_lines(0), name="target")
    source = stored.Source(tmp_path / "target" / "target.inter", "user_id", "item_id", "timestamp")
    found = stored.stored(source, tmp_path)
    assert found is not None
    assert ids_of(found) == ids_of(read_interactions(source.path, source.fields))


def test_a_run_and_a_comparison_say_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("target", "source")):
        timed.write(Path("dataset"), timed.draw_lines(seed), name=name)
    settings = {**QUICK, "dataset": "target", "source_datasets": ["source"]}
    rm.run(settings, model="Evidence")
    rm.compare(["Evidence", "Pop"], settings)
    said = [line for line in capsys.readouterr().err.splitlines() if "and its sources" in line]
    assert len(said) == 2
    assert said[0] == said[1]
    rm.run(settings, model="Evidence", source_datasets=[])
    assert "and its sources" not in capsys.readouterr().err
