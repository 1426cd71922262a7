"""What the service answers is what the recommender does; whatever it is asked, it answers in a line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest
import timed
from conftest import REPOSITORY
from fastapi.testclient import TestClient

import recbole_metarec as rm
from recbole_metarec.cli.main import main
from recbole_metarec.serving.app import create_app
from recbole_metarec.serving.messages import MAX_BODY, MAX_LENGTH

N_ITEMS = 25
DAY = "2011-04-20"
IMAGES = {f"i{item:02}": f"https://pictures.example/{item}.jpg" for item in range(0, N_ITEMS, 2)}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Evidence that knows the clock, and a memory, which does not, on a domain with titles."""
    root = tmp_path_factory.mktemp("served")
    timed.write(root, timed.draw_lines(n_items=N_ITEMS))
    rows = [f"i{item:02}\tFilm {item}\t{IMAGES.get(f'i{item:02}', 'local.jpg')} second" for item in range(N_ITEMS)]
    item_file = root / timed.NAME / f"{timed.NAME}.item"
    item_file.write_text("\n".join(["item_id:token\ttitle:token_seq\timage:token_seq", *rows, ""]))
    settings = {"dataset": timed.NAME, "data_path": str(root), "checkpoint_dir": str(root), "show_progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        runs = {model: rm.run(settings, model=model, scratch_control=False)[0] for model in ("Evidence", "Memory")}
    return {model: Path(str(run.checkpoint)) for model, run in runs.items()}


@pytest.fixture(scope="module")
def recommenders(checkpoints: dict[str, Path]) -> dict[str, rm.Recommender]:
    return {model: rm.load(path) for model, path in checkpoints.items()}


@pytest.fixture(scope="module")
def client(recommenders: dict[str, rm.Recommender]) -> Iterator[TestClient]:
    with TestClient(create_app(recommenders), raise_server_exceptions=False) as client:
        yield client


def scored(items: list[dict[str, Any]]) -> list[tuple[str, float, int]]:
    return [(item["item_id"], item["score"], item["rank"]) for item in items]


@pytest.mark.parametrize("model", ["Evidence", "Memory"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": 3, "exclude_seen": False},
        {"candidates": ["i01", "i07", "i03"], "at": 1_303_300_000},
        {"exclude": ["i01", "i02"], "k": 1_000},
        {"candidates": []},
    ],
)
def test_recommendations_are_the_recommenders(
    model: str, options: dict[str, Any], client: TestClient, recommenders: dict[str, rm.Recommender]
) -> None:
    sequences = [["i01", "i05"], [], ["i03"] * 3]
    options = {"at": DAY, **options}
    answer = client.post("/recommend", json={"model": model, "sequences": sequences, **options}).json()
    expected = recommenders[model].recommend(sequences, **options)
    assert [scored(items) for items in answer["recommendations"]] == expected
    assert all(item["title"] == f"Film {int(item['item_id'][1:])}" for item in answer["recommendations"][0])


@pytest.mark.parametrize("model", ["Evidence", "Memory"])
def test_times_are_those_of_a_frame(model: str, client: TestClient, recommenders: dict[str, rm.Recommender]) -> None:
    """Items with times are what a frame says, whatever stands beside them in the batch; without, lists."""
    rec, noon = recommenders[model], 1_303_300_000.0
    sequences = [["i05", "i01", "i07", "nobody"], ["i02", "i03"], ["i04", "i06", "i08"]]
    stamps = [[noon - 9e5, noon - 5e6, noon + 1, noon], [noon - 90_000, noon - 90_000], None]
    frames = [
        pd.DataFrame({"user_id": 1, "item_id": items, "timestamp": own})
        for items, own in zip(sequences[:2], stamps, strict=False)
    ]
    with pytest.warns(UserWarning, match="unknown"):
        expected = [
            [*zip(each.item_id, each.score, each["rank"], strict=True)]
            for each in (rec.recommend(frame, 5, at=noon) for frame in frames)
        ]
    expected += rec.recommend(sequences[2:], 5, at=noon)
    asked = {"model": model, "sequences": sequences, "times": stamps, "at": noon, "k": 5}
    answer = client.post("/recommend", json=asked).json()
    for items, wanted in zip(answer["recommendations"], expected, strict=True):
        assert [item["item_id"] for item in items] == [item for item, *_ in wanted]
        assert [item["score"] for item in items] == pytest.approx([score for _, score, _ in wanted], abs=1e-5)
    for unit in (lambda time: time * 1e3, lambda time: datetime.fromtimestamp(time, timezone.utc).isoformat()):
        times = [own and [unit(time) for time in own] for own in stamps]
        assert client.post("/recommend", json={**asked, "times": times}).json() == answer
    explained = client.post(
        "/explain",
        json={"model": model, "sequence": sequences[0], "times": stamps[0], "items": ["i02"], "at": noon},
    ).json()["explanations"]
    assert explained == [{"title": "Film 2", "image": IMAGES["i02"], **rec.explain(frames[0], "i02", noon).plain()}]
    positions = {**asked, "sequences": [["i05", "i01", "i07"]], "times": [[2, 3, 1]]}
    in_order = client.post("/recommend", json=positions).json()["recommendations"][0]
    assert scored(in_order) == rec.recommend([["i07", "i05", "i01"]], 5, at=noon)[0]
    if model == "Evidence":
        assert scored(answer["recommendations"][0]) != rec.recommend([["i01", "i05"]], 5, at=noon)[0]


def test_similar_and_explain_are_the_recommenders(client: TestClient, recommenders: dict[str, rm.Recommender]) -> None:
    similar = client.post("/similar", json={"items": ["i01", "i02"], "k": 4}).json()["similar"]
    assert [scored(items) for items in similar] == recommenders["Evidence"].similar(["i01", "i02"], 4)
    asked = {"sequence": ["i01", "unknown"], "items": ["i02", "i01"], "at": DAY}
    explained = client.post("/explain", json=asked).json()["explanations"]
    expected = recommenders["Evidence"].explain(["i01"], ["i02", "i01"], DAY)
    seen = [{"title": f"Film {n}", "image": IMAGES.get(f"i{n:02}")} for n in (2, 1)]
    assert explained == [{**own, **each.plain()} for own, each in zip(seen, expected, strict=True)]


def test_items_of_sources_are_the_recommenders(recommender: Callable[[str], rm.Recommender]) -> None:
    rec = recommender("MetaRec without clock")
    asked = rec.item_ids[:2]
    with TestClient(create_app({"MetaRec": rec})) as client:
        answer = client.post("/similar", json={"items": asked, "k": 4, "across": "source"}).json()["similar"]
        assert client.get("/models").json()[0]["sources"] == [*rec.section.sources]
    assert [scored(items) for items in answer] == rec.similar(asked, 4, "source")


def test_what_is_asked_at_once_is_answered_each_by_itself(client: TestClient) -> None:
    asked = [{"sequences": [[f"i{n % N_ITEMS:02}"]], "k": 1 + n % 7, "at": DAY} for n in range(40)]
    asked = [{**each, "exclude": [f"i{n:02}" for n in range(n % 5)]} for n, each in enumerate(asked)]
    asked[13] |= {"sequences": [["nobody"]], "unknown": "raise"}
    asked[21] |= {"at": "yesterday"}
    alone = [client.post("/recommend", json=each) for each in asked]
    with ThreadPoolExecutor(16) as threads:
        together = [*threads.map(lambda each: client.post("/recommend", json=each), asked)]
    for one, same in zip(together, alone, strict=True):
        assert one.status_code == same.status_code
        assert one.json().get("detail") == same.json().get("detail")
        for items, expected in zip(*(each.json().get("recommendations", []) for each in (one, same)), strict=True):
            assert [item["item_id"] for item in items] == [item["item_id"] for item in expected]
            # sums of other sizes differ in their last bits
            assert [item["score"] for item in items] == pytest.approx([item["score"] for item in expected], abs=1e-5)
    assert {n for n, answer in enumerate(together) if answer.status_code != 200} == {13, 21}


def test_unknown_ids_are_named(client: TestClient) -> None:
    answer = client.post("/recommend", json={"sequences": [["x", "i01", "x"], [7]], "exclude": ["y"], "k": 1}).json()
    assert answer["unknown_items"] == ["x", "7", "y"]
    assert len(answer["recommendations"]) == 2


def test_items_are_found(client: TestClient) -> None:
    found = client.get("/items", params={"q": "film 11", "limit": 2}).json()
    assert found == {"items": [{"item_id": "i11", "title": "Film 11", "image": None}]}
    named = client.get("/items", params={"item_id": ["i03", "x", "i02"]}).json()
    assert [item["item_id"] for item in named["items"]] == ["i03", "i02"]


def test_pictures_are_named_where_there_are_any_unless_they_are_left_out(
    client: TestClient, recommenders: dict[str, rm.Recommender]
) -> None:
    with TestClient(create_app(recommenders, images=False)) as without:
        for asked, images, sources in ((client, IMAGES, "data: https: http:"), (without, {}, "data:")):
            items = asked.get("/items", params={"limit": 100}).json()["items"]
            assert [item["image"] for item in items] == [images.get(item["item_id"]) for item in items]
            assert asked.get("/models").json()[0]["has_images"] == bool(images)
            assert asked.get("/").headers["content-security-policy"].endswith(f"; img-src {sources}")


def test_models_are_described(client: TestClient) -> None:
    first, second = client.get("/models").json()
    last = max(line.second for line in timed.draw_lines(n_items=N_ITEMS)) // 86_400
    assert first["knows_clock"]
    assert first["last_day"] <= f"{date.fromordinal(date(1970, 1, 1).toordinal() + last)}"
    assert not second["knows_clock"]
    assert second["last_day"] is None
    assert client.get("/health").json() == {"status": "ok"}


MISTAKES = [
    (422, "/recommend", {}, "sequences: Field required"),
    (422, "/recommend", {"sequences": []}, "sequences: List should have at least 1 item"),
    (422, "/recommend", {"sequences": ["i01"]}, r"sequences\[0\]: Input should be a valid list"),
    (422, "/recommend", {"sequences": [[None]]}, r"sequences\[0\]\[0\]: Input should be a valid string"),
    (422, "/recommend", {"sequences": [["\ud800"]]}, r"sequences\[0\]\[0\]: Input should be a valid string"),
    (422, "/recommend", {"sequences": [["i01"] * (MAX_LENGTH + 1)]}, "at most 10000 items"),
    (422, "/recommend", {"sequences": [[]] * 257}, "at most 256 items"),
    (422, "/recommend", {"sequences": [[]], "k": 0}, "k: Input should be greater than or equal to 1"),
    (422, "/recommend", {"sequences": [[]], "k": 1_001}, "k: Input should be less than or equal to 1000"),
    (422, "/recommend", {"sequences": [[]], "k": 1.5}, "k: Input should be a valid integer"),
    (422, "/recommend", {"sequences": [[]], "at": float("nan")}, "at"),
    (422, "/recommend", {"sequences": [[]], "at": 1e300}, "at=1e[+]300: is no time"),
    (422, "/recommend", {"sequences": [[]], "at": "soon"}, "at=soon: is no time"),
    (422, "/recommend", {"sequences": [[]], "at": []}, "at: Input should be seconds since 1970 or ISO text"),
    (422, "/recommend", {"sequences": [[]], "at": True}, "at: Input should be seconds since 1970 or ISO text"),
    (422, "/recommend", {"sequences": [["i01"]], "times": []}, "times: there are 0 lists for 1 sequences; write one"),
    (422, "/recommend", {"sequences": [["i01"]], "times": [[]]}, "sequence 1: times must be a list with a time for"),
    (422, "/recommend", {"sequences": [["i01"]], "times": [[None]]}, r"times\[0\]\[0\]: Input should be seconds"),
    (422, "/recommend", {"sequences": [["i01"]], "times": [["soon"]]}, "sequence 1: time=soon: is no time"),
    (
        422,
        "/recommend",
        {"sequences": [["i01"] * 2], "times": [[1.4e9, 1.4e12]]},
        "times: of the timestamps 1 are seconds and 1 are milliseconds",
    ),
    (422, "/recommend", {"sequences": [["i01"] * 2], "times": [[1.4e9, 1e300]]}, r"times: 1e\+300 is no time"),
    (422, "/explain", {"sequence": ["i01"], "items": ["i02"], "times": [1, 2]}, "sequence 1: times must be a list"),
    (422, "/recommend", {"sequences": [[]], "unknown": "guess"}, "unknown: Input should be 'skip' or 'raise'"),
    (422, "/recommend", {"sequences": [["x"]], "unknown": "raise"}, "'x': this model knows no such item"),
    (422, "/recommend", {"sequences": [[]], "top": 3}, "top: Extra inputs are not permitted"),
    (422, "/recommend", [], "body: Input should be"),
    (404, "/recommend", {"sequences": [[]], "model": "x"}, "'x' is not served; write one of Evidence, Memory"),
    (422, "/similar", {"items": ["x"]}, "'x': this model knows no such item"),
    (422, "/similar", {"items": ["i01"], "across": "source"}, "Evidence on days has no items of sources in its space"),
    (422, "/similar", {"items": ["i01"], "across": "target"}, "across: Input should be 'source'"),
    (422, "/explain", {"sequence": [], "items": ["x"]}, "'x': this model knows no such item"),
    (400, "/recommend", b'{"sequences": [["i01"]', "the body is no JSON"),
    (400, "/recommend", b"\xff\xfe", "body"),
    (400, "/recommend", b"[" * 100_000, "body"),
    (413, "/recommend", b"[" * (MAX_BODY + 1), "the body is larger than 1,048,576 bytes"),
    (404, "/recommendations", {}, "Not Found"),
]


@pytest.mark.parametrize(("status", "path", "body", "line"), MISTAKES)
def test_a_mistake_is_answered_in_a_line(status: int, path: str, body: Any, line: str, client: TestClient) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    (problem,) = answer.json()["detail"]
    assert re.search(line, problem)
    assert len(problem) < 200
    assert "\n" not in problem


def test_many_mistakes_are_cut_short(client: TestClient) -> None:
    answer = client.post("/recommend", json={"sequences": [[None] * 1_000]})
    assert [*answer.json()["detail"]][-1] == "and 990 more"


def test_the_longest_sequence_is_answered(client: TestClient) -> None:
    answer = client.post("/recommend", json={"sequences": [["i01", "i02"] * (MAX_LENGTH // 2)], "k": 2})
    assert len(answer.json()["recommendations"][0]) == 2


def test_what_fails_is_a_line_too(
    client: TestClient, recommenders: dict[str, rm.Recommender], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(recommenders["Evidence"], "recommend_rows", fail)
    answer = client.post("/recommend", json={"sequences": [[]]})
    assert (answer.status_code, answer.json()) == (500, {"detail": ["the service failed; its log says why"]})


def test_pages_need_no_other_machine(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert address.startswith(("data:", "/", "docs")), address
    assert "script-src" in client.get("/").headers["content-security-policy"]


def test_a_server_answers_and_ends(checkpoints: dict[str, Path], recommenders: dict[str, rm.Recommender]) -> None:
    command = [sys.executable, str(REPOSITORY / "run_recbole_metarec.py"), "serve", str(checkpoints["Memory"])]
    n_items = len(recommenders["Memory"].item_ids)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [*command, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stderr is not None
            assert server.stdout.readline() == f"{checkpoints['Memory'].stem}: Memory on days, {n_items} items\n"
            address = server.stdout.readline().split()[0]
            answer = httpx2.post(f"{address}/recommend", json={"sequences": [["i01"]]}).json()
            assert [scored(items) for items in answer["recommendations"]] == recommenders["Memory"].recommend([["i01"]])
            as_json = {"content-type": "application/json"}
            assert httpx2.post(f"{address}/recommend", content=b" " * 20_000_000, headers=as_json).status_code == 413
            parts = (b" " * 100_000 for _ in range(20))  # without a length that says how much it will be
            assert httpx2.post(f"{address}/recommend", content=parts, headers=as_json).status_code == 413
            taken = f"--port={address.rpartition(':')[2]}"
            again = subprocess.run([*command, taken], capture_output=True, text=True, env=environment, timeout=60)
            assert again.returncode == 2
            assert again.stderr.startswith(f"error: --host=127.0.0.1 {taken}: Address already in use; write another")
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0
            assert server.stdout.read() == "stopped\n"
            assert server.stderr.read() == ""
        finally:
            server.kill()


def test_mistakes_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "a/x.pth", "b/x.pth", "--port=70000"]) == 2
    assert main(["serve"]) == 2
    assert main(["serve", "nowhere.pth"]) == 2
    assert capsys.readouterr().err == (
        "error: x: is the name of 2 of the checkpoints; rename one\n"
        "error: --port=70000: must be a whole number from 0 to 65535\n"
        "error: CHECKPOINT: is missing; name the file of a trained model, as in saved/NAME.safetensors\n"
        "error: nowhere.pth: no such checkpoint\n"
    )
