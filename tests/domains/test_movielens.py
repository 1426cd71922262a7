from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from recbole_metarec.domains.clock import find_clock
from recbole_metarec.domains.domain import from_sequences
from recbole_metarec.domains.embedded import EXTENTS, HEADERS, PREFIX, Extent
from recbole_metarec.domains.movielens import (
    MIN_SEQUENCE,
    MIN_USERS,
    domain_name,
    genre_of_each_movie,
    make_domains,
    raw_folder,
    split_genres,
)


def lines(path):
    """Fields of the lines below the first; the raw files end with blank lines."""
    rows = path.read_text(encoding="utf-8").split("\n")[1:]
    return [row.split("\t") for row in rows if row]


def raw():
    return lines(raw_folder() / "ml-100k.inter"), lines(raw_folder() / "ml-100k.item")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("movielens")
    make_domains(path)
    return path


@pytest.fixture(scope="module")
def domains(folder):
    """Interactions and items of each domain, by name."""
    names = sorted(path.name for path in folder.iterdir())
    return {name: tuple(lines(folder / name / f"{name}.{suffix}") for suffix in ("inter", "item")) for name in names}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_numbers_of_ratings_users_and_movies_are_those_of_the_raw_files(domains):
    ratings, movies = raw()
    frequency = Counter(genre for movie in movies for genre in movie[3].split())
    rarest = {movie[0]: min(sorted(movie[3].split()), key=frequency.get) for movie in movies}
    expected = {}
    for genre in frequency:
        mine = [rating for rating in ratings if rarest[rating[1]] == genre]
        active = {user for user, count in Counter(rating[0] for rating in mine).items() if count >= MIN_SEQUENCE}
        mine = [rating for rating in mine if rating[0] in active]
        if len(active) >= MIN_USERS:
            expected[domain_name(genre)] = (len(mine), len(active), len({rating[1] for rating in mine}))
    found = {name: (len(inter), len({row[0] for row in inter}), len(items)) for name, (inter, items) in domains.items()}
    assert found == expected
    assert len(found) == 17


def test_what_is_known_of_domains_before_they_are_made_is_so(domains):
    found = {}
    for name, (inter, _) in domains.items():
        users, items, _, times = zip(*inter, strict=True)
        found[name] = Extent(Counter(users).most_common(1)[0][1], len({*items}))
        assert find_clock(np.array(times, float)).unit == "s"
    assert found == EXTENTS


def test_domains_share_no_movie(domains):
    movies = Counter(row[0] for _, items in domains.values() for row in items)
    assert set(movies.values()) == {1}


def test_a_movie_stands_in_a_domain_of_its_own_genre(domains):
    for name, (_, items) in domains.items():
        assert all(name in {domain_name(genre) for genre in row[3].split()} for row in items)


def test_every_rating_is_of_a_movie_of_the_domain_and_every_movie_is_rated(domains):
    for inter, items in domains.values():
        assert {row[1] for row in inter} == {row[0] for row in items}


def test_users_are_numbered_from_1_in_order_of_appearance(domains):
    for inter, _ in domains.values():
        numbers = list(dict.fromkeys(int(row[0]) for row in inter))
        assert numbers == list(range(1, len(numbers) + 1))


def test_ratings_are_in_order_of_time_and_then_of_the_raw_file(domains):
    ratings, _ = raw()
    rank = defaultdict(list)
    for place, (_, item, rating, time) in enumerate(ratings):
        rank[item, rating, time].append(place)
    for inter, _ in domains.values():
        times = [int(row[3]) for row in inter]
        assert times == sorted(times)
        # a rating whose place in the raw file is beyond doubt
        places = [(time, *rank[tuple(row[1:])]) for time, row in zip(times, inter, strict=True)]
        places = [place for place in places if len(place) == 2]
        assert len(places) > 0.5 * len(inter)
        assert places == sorted(places)


def test_each_user_is_one_raw_user_with_all_ratings_in_the_domain(domains):
    ratings, _ = raw()
    inter, items = domains[f"{PREFIX}thriller"]
    movies = {row[0] for row in items}
    histories = defaultdict(list)
    for user, *rating in ratings:
        if rating[0] in movies:
            histories[user].append(tuple(rating))
    expected = Counter(tuple(sorted(rows)) for rows in histories.values() if len(rows) >= MIN_SEQUENCE)
    ours = defaultdict(list)
    for user, *rating in inter:
        ours[user].append(tuple(rating))
    assert Counter(tuple(sorted(rows)) for rows in ours.values()) == expected


def test_movies_keep_the_words_of_the_raw_file(domains):
    _, movies = raw()
    expected = {tuple(row) for row in movies}
    assert all(tuple(row) in expected for _, items in domains.values() for row in items)


def test_the_same_bytes_come_out_again_and_what_exists_is_left_alone(folder, tmp_path):
    kept, removed = (tmp_path / f"{PREFIX}{name}" / f"{PREFIX}{name}.inter" for name in ("war", "crime"))
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    assert sorted(make_domains(tmp_path)) == sorted(path.name for path in folder.iterdir())
    assert kept.read_bytes() == b"mine"
    removed.unlink()
    stamp = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.i*")}
    make_domains(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in stamp} == stamp
    expected = contents(folder)
    expected[kept.relative_to(tmp_path)] = b"mine"
    assert contents(tmp_path) == expected


def test_files_are_atomic_files_of_recbole(folder):
    name = f"{PREFIX}sci-fi"
    first = {s: (folder / name / f"{name}.{s}").read_text(encoding="utf-8").split("\n")[0] for s in ("inter", "item")}
    assert first == {ending: "\t".join(map(":".join, fields.items())) for ending, fields in HEADERS.items()}
    assert first == {
        "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        "item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
    }


def test_a_movie_goes_to_the_rarest_of_its_genres_and_then_to_the_first_in_the_alphabet():
    movies = [["Drama", "War"], ["Drama"], ["Drama", "Comedy"], ["Comedy", "War"], ["War", "Comedy"]]
    # Drama 3, War 3, Comedy 3
    assert genre_of_each_movie(movies) == ["Drama", "Drama", "Comedy", "Comedy", "Comedy"]
    assert genre_of_each_movie([*movies, ["War"], ["Comedy"]]) == [
        "Drama",
        "Drama",
        "Drama",
        "Comedy",
        "Comedy",
        "War",
        "Comedy",
    ]


@pytest.mark.parametrize(
    ("genre", "name"), [("Sci-Fi", "sci-fi"), ("Children's", "childrens"), ("Film-Noir", "film-noir"), ("War", "war")]
)
def test_a_domain_is_named_after_its_genre(genre, name):
    assert domain_name(genre) == f"ml-100k-{name}"


def test_users_with_few_ratings_and_domains_with_few_users_are_left_out():
    ratings = [(user, "w", time) for user in range(MIN_USERS) for time in range(MIN_SEQUENCE)]
    ratings += [(user, "d", time) for user in range(MIN_USERS - 1) for time in range(MIN_SEQUENCE)]
    ratings += [(MIN_USERS, item, time) for item in "wd" for time in range(MIN_SEQUENCE - 1)]
    inter = pd.DataFrame(
        [(str(user), item, "5", str(time)) for user, item, time in ratings],
        columns=["user_id", "item_id", "rating", "timestamp"],
    )
    item = pd.DataFrame({"item_id": ["w", "d"], "movie_title": "", "release_year": "", "class": ["War", "Drama"]})
    found = split_genres(inter, item)
    assert list(found) == ["ml-100k-war"]
    rows, movies = found["ml-100k-war"]
    assert rows["user_id"].nunique() == MIN_USERS
    assert len(rows) == MIN_USERS * MIN_SEQUENCE
    assert movies["item_id"].tolist() == ["w"]


def test_times_are_compared_as_numbers():
    inter = pd.DataFrame(
        [(str(user), "w", "5", time) for user in range(MIN_USERS) for time in ("1000", "9", "200")],
        columns=["user_id", "item_id", "rating", "timestamp"],
    )
    item = pd.DataFrame({"item_id": ["w"], "movie_title": "", "release_year": "", "class": ["War"]})
    rows, _ = split_genres(inter, item)["ml-100k-war"]
    assert rows["timestamp"].tolist() == ["9"] * MIN_USERS + ["200"] * MIN_USERS + ["1000"] * MIN_USERS


def test_a_lone_quotation_mark_in_a_title_swallows_no_line(tmp_path, monkeypatch):
    (tmp_path / "ml-100k.inter").write_text(
        "header\n" + "".join(f"{user}\t{item}\t5\t{item}\n" for user in range(MIN_USERS) for item in (1, 2, 3))
    )
    titles = ['"Great', "M", 'Day"']
    (tmp_path / "ml-100k.item").write_text(
        "header\n" + "".join(f"{n}\t{title}\t1999\tWar\n" for n, title in enumerate(titles, 1))
    )
    monkeypatch.setattr("recbole_metarec.domains.movielens.raw_folder", lambda: tmp_path)
    assert make_domains(tmp_path / "made") == [f"{PREFIX}war"]
    assert [row[1] for row in lines(tmp_path / "made" / f"{PREFIX}war" / f"{PREFIX}war.item")] == titles


def test_a_genre_makes_a_domain_whose_sequences_are_all_long_enough(domains):
    inter, items = domains[f"{PREFIX}mystery"]
    ids = {row[0]: n + 1 for n, row in enumerate(items)}
    sequences = defaultdict(list)
    for user, item, *_ in inter:
        sequences[user].append(ids[item])
    domain = from_sequences("mystery", list(sequences.values()), len(items))
    assert domain.lengths.min() >= MIN_SEQUENCE
    assert (domain.item_counts()[1:] > 0).all()
