import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_metarec.amazon import import_split
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError

from .dumps import rows_of

Sequences = dict[str, list[str]]
WINDOW = 50


def sequences_of(n_users: int, seed: int, longest: int = 130) -> Sequences:
    draw = random.Random(seed)
    lengths = [3, 4, WINDOW, WINDOW + 1, WINDOW + 2, longest, *(draw.randint(3, 12) for _ in range(n_users))]
    return {str(user): [str(draw.randrange(9)) for _ in range(length)] for user, length in enumerate(lengths)}


def publish(folder: Path, sequences: Sequences, newest_first: bool = True) -> Path:
    """Write a folder by UniSRec's rules, window and all."""
    folder.mkdir()
    rows: dict[str, list[tuple[str, list[str], str]]] = {"train": [], "valid": [], "test": []}
    for user, items in sequences.items():
        train = [(user, items[:k][-WINDOW:], items[k]) for k in range(1, len(items) - 2)]
        rows["train"] += train[::-1] if newest_first else train
        rows["valid"].append((user, items[:-2][-WINDOW:], items[-2]))
        rows["test"].append((user, items[:-1][-WINDOW:], items[-1]))
    for part, of_part in rows.items():
        lines = ["user_id:token\titem_id_list:token_seq\titem_id:token"]
        lines += [f"{user}\t{' '.join(prefix)}\t{target}" for user, prefix, target in of_part]
        (folder / f"Pets.{part}.inter").write_text("\n".join(lines) + "\n")
    return folder


def read_back(path: Path) -> Sequences:
    sequences: Sequences = {}
    for user, item, time in rows_of(path):
        assert int(time) == len(sequences.setdefault(user, []))
        sequences[user].append(item)
    return sequences


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.booleans())
def test_folders_give_the_whole_sequences(
    tmp_path_factory: pytest.TempPathFactory, seed: int, newest_first: bool
) -> None:
    place = tmp_path_factory.mktemp("x")
    sequences = sequences_of(8, seed)
    import_split(publish(place / "Pets", sequences, newest_first), "pets", output=place)
    assert read_back(place / "pets/pets.inter") == sequences


def test_identities_texts_and_features(tmp_path: Path) -> None:
    sequences = sequences_of(3, 0)
    folder = publish(tmp_path / "Pets", sequences)
    vectors = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    vectors.tofile(folder / "Pets.feat1CLS")
    order = [3, 1, 2, 0, 8, 7, 6, 5, 4]  # lines of an index file may stand in any order
    (folder / "Pets.item2index").write_text("".join(f"B{i}\t{i}\n" for i in order))
    (folder / "Pets.user2index").write_text("".join(f"A{user}\t{user}\n" for user in sequences))
    (folder / "Pets.text").write_text('item_id:token\ttext:token_seq\nB0\tA "toy"\n1\tfood\n')
    card = import_split(folder, "pets", output=tmp_path)
    assert read_back(tmp_path / "pets/pets.inter") == {
        f"A{user}": [f"B{item}" for item in items] for user, items in sequences.items()
    }
    rows = rows_of(tmp_path / "pets/pets.item")
    assert rows[:2] == [["B0", "A ''toy''"], ["B1", "food"]]
    assert {(item, text) for item, text in rows[2:]} == {(f"B{i}", "") for i in range(2, 9)}
    with np.load(tmp_path / "pets/pets.feat1CLS.npz") as features:
        assert features["item_id"].tolist() == [f"B{i}" for i in range(9)]
        assert (features["vector"] == vectors).all()
    assert [source["file"] for source in card["sources"]] == [
        *(f"Pets.{part}.inter" for part in ("train", "valid", "test")),
        *(f"Pets.{part}" for part in ("item2index", "user2index", "text", "feat1CLS")),
    ]
    first = {path.name: path.read_bytes() for path in (tmp_path / "pets").iterdir()}
    import_split(folder, "pets", output=tmp_path)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "pets").iterdir()}
    assert card == json.loads(first["pets.card.json"])


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 0 files \*\.train\.inter"):
        import_split(tmp_path, "pets", output=tmp_path)
    folder = publish(tmp_path / "Pets", {"0": list("abcd"), "1": list("abcde")})
    np.zeros(5, np.float32).tofile(folder / "Pets.feat1CLS")
    (folder / "Pets.item2index").write_text("".join(f"B{i}\t{i}\n" for i in range(3)))
    with pytest.raises(UserError, match="20 bytes are not float32 vectors of the 3 indexed items"):
        import_split(folder, "pets", output=tmp_path)
    test = folder / "Pets.test.inter"
    test.write_text(test.read_text().replace("a b c d\te", "a b x d\te"))
    with pytest.raises(UserError, match="user '1': the row of line 3 does not go on from those before it"):
        import_split(folder, "pets", output=tmp_path)
    test.write_text("\n".join(test.read_text().splitlines()[:2]))
    with pytest.raises(UserError, match="user '1' of the other parts has no row"):
        import_split(folder, "pets", output=tmp_path)
    test.write_text("user_id:token\titem_id:token\n")
    with pytest.raises(UserError, match="line 1 must be user_id:token item_id_list:token_seq item_id:token"):
        import_split(folder, "pets", output=tmp_path)
    test.unlink()
    with pytest.raises(UserError, match=r"Pets\.test\.inter: cannot be read"):
        import_split(folder, "pets", output=tmp_path)
    assert not (tmp_path / "pets").exists()


@pytest.mark.parametrize("text", ["1 7\n1 8\n2 7\n1 9\n", "1 7 8 9\n2 7\n", "1 7 8\n\n2 7\r\n1 9"])
def test_texts_of_pairs_or_sequences(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Beauty.txt").write_text(text)
    assert main(["amazon", "import", str(tmp_path / "Beauty.txt"), "--name=beauty", f"--output={tmp_path}"]) == 0
    assert read_back(tmp_path / "beauty/beauty.inter") == {"1": ["7", "8", "9"], "2": ["7"]}
    assert "2 users" in capsys.readouterr().out


def test_texts_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "Beauty.txt"
    path.write_text("1 2\n" + "3\n" * 7)
    with pytest.raises(UserError) as error:
        import_split(path, "beauty", output=tmp_path)
    assert error.value.problems[0] == f"{path}: line 2: '3' alone; write `user item item ...`"
    assert error.value.problems[-1] == f"{path}: 2 more such lines"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        import_split(path, "beauty", output=tmp_path)
    path.write_text("\n")
    with pytest.raises(UserError, match="no lines of"):
        import_split(path, "beauty", output=tmp_path)


TABLE = "as in a table; with a first line such as user_id:token"
FORM = "a text has lines of `user item`"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\t7\t2.0\t1407152116\n1\t8\t3.0\t1407158335", f"line 1: '2.0' is a rating or a time, {TABLE}"),
        ("1 7 2 1407152116\n1 8 3 1407158335", f"the same user stands on several lines of 4 columns, {TABLE}"),
        ("1 7 1407152116\n1 8 1407158335\n2 7 1407152117", f"several lines of 3 columns, {TABLE}"),
        ("1 7 5\n1 8 3\n2 7 4", f"several lines of 3 columns, {TABLE}"),
        ("1 7 5\n1 8 3 9\n2 7 4", f"several lines of 3 to 4 columns, {TABLE}"),
        ("1 7 1407152116\n2 8 1407158335", f"the last of 3 columns is a time, {TABLE}"),
        ("1 7 1407152116", f"the last of 3 columns is a time, {TABLE}"),
        ("196\t242\t3\t881250949\n186\t302\t3\t891717742", f"the last of 4 columns is a time, {TABLE}"),
        (
            "user item rating timestamp\n1 7 2 1407152116\n1 8 3 1407158335",
            "line 1: 'user item rating timestamp' names",
        ),
        ("user item\n1 7\n1 8", "line 1: 'user item' names columns; leave that line out"),
        ("uid sid\na b\na c", "line 1: 'uid sid' names columns"),
        ("who what\n1 7\n1 8", "line 1: 'who what' names columns"),
        ("user_id:token\titem_id:token\n1\t7", f"line 1: 'user_id:token' is no identity; {FORM}"),
        ('{"0": [0, 39], "1": [16]}', f"line 1: begins as JSON does; {FORM}"),
        ('[["1", "7"]]', "line 1: begins as JSON does"),
        ('{"reviewerID": "A1"}\n{"reviewerID": "A2"}', "line 1: begins as JSON does"),
        ("1,7,5.0,1407152116\n1,8,5.0,1407152117", f"line 1: '1,7,5.0,1407152116' is no identity; {FORM}"),
        ("1, 7\n1, 8", f"line 1: '1,' is no identity; {FORM}"),
        ("1::1193::5::978300760", f"line 1: '1::1193::5::978300760' is no identity; {FORM}"),
        ("1|7\n1|8", f"line 1: '1|7' is no identity; {FORM}"),
        ("It was the best of times, it was", f"line 1: 'times,' is no identity; {FORM}"),
        ("1 7\n2 nan", f"line 2: 'nan' is no identity; {FORM}"),
        ("7\n8\n9", "line 1: '7' alone"),
        ("", "the file is empty"),
        ("\n\n", "no lines of"),
        ("PK\x03\x04", "this is a zip archive"),
    ],
)
def test_what_only_looks_like_a_text_is_told_by_its_shape(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "Beauty.txt"
    path.write_bytes(text.encode())
    with pytest.raises(UserError) as caught:
        import_split(path, "beauty", output=tmp_path)
    assert caught.value.problems[0].startswith(f"{path}: ")
    assert message in caught.value.problems[0]
    assert not (tmp_path / "beauty").exists()


@pytest.mark.parametrize(
    "lines",
    [
        ["1 7 8", "2 7 9"],
        ["u1 A1 B2 C3", "u2 B2 C3 A1"],
        ["A2SUAM1J3GNN3B 0000013714 B000056PNA", "#oc-R1 B000056PNA"],
        ["alice ring lamp", "bob lamp"],
        ["1 100000001 100000002", "2 100000001"],
    ],
)
def test_sequences_of_any_identities_are_read(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "Beauty.txt.gz").write_bytes(gzip.compress("\r\n".join(lines).encode()))
    import_split(tmp_path / "Beauty.txt.gz", "beauty", output=tmp_path)
    expected = {line.split()[0]: line.split()[1:] for line in lines}
    assert read_back(tmp_path / "beauty/beauty.inter") == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.booleans(), st.sampled_from([" ", "\t", ",", "::"]))
def test_tables_are_never_taken_for_sequences(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_users: int, rated: bool, separator: str
) -> None:
    draw, lines, place = random.Random(seed), [], tmp_path_factory.mktemp("t")
    for user in range(n_users):
        for _ in range(draw.randint(1, 4)):
            columns = [
                user,
                draw.randrange(99),
                *([draw.randint(1, 5)] if rated else []),
                draw.randrange(10**9, 2 * 10**9),
            ]
            lines.append(separator.join(map(str, columns)))
    draw.shuffle(lines)
    (place / "t.txt").write_text("\n".join(lines))
    with pytest.raises(UserError):
        import_split(place / "t.txt", "t", output=place)


def test_texts_and_pictures_of_ant(tmp_path: Path) -> None:
    folder = publish(tmp_path / "Pets", sequences_of(3, 0))
    (folder / "Pets.item2index").write_text("".join(f"B{i}\t{i}\n" for i in range(9)))
    rng = np.random.default_rng(0)
    texts = rng.normal(size=(9, 6)).astype(np.float32)
    texts.tofile(folder / "Pets_text_0.feat")
    pictures = rng.normal(size=(9, 4, 5))
    pictures[1, 2:] = 0
    pictures[2] = 0
    pictures.tofile(folder / "Pets_img_0_4.feat")
    import_split(folder, "pets", output=tmp_path)
    with np.load(tmp_path / "pets/pets.text.npz") as features:
        assert (features["vector"] == texts).all()
    with np.load(tmp_path / "pets/pets.image.npz") as features:
        assert features["item_id"].tolist() == [f"B{i}" for i in range(9) if i != 2]
        np.testing.assert_allclose(features["vector"][:2], [pictures[0].mean(0), pictures[1, :2].mean(0)], rtol=1e-6)
    np.zeros(9 * 6).tofile(folder / "Pets_img_0_4.feat")
    with pytest.raises(UserError, match="6 values an item are not the vectors of 4 pictures"):
        import_split(folder, "pets", output=tmp_path)
