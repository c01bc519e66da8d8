import json
import math

import numpy as np
import pytest

from lce_tf.data.datasets import Passage
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir
from lce_tf.retrieval import bm25, heatmap, tuning
from lce_tf.retrieval.tuning import Grid, subsets, tune

GRID = Grid(k1=(0.6, 1.2), b=(0.5, 0.9), size=4, seed=1)


class Toy:
    """Passages of one word in many others, so that length normalisation and repetition both count."""

    name, splits = "toy", ("train",)

    def __init__(self, key="toy", queries=12):
        self.collection_key, self._queries = key, queries

    def passages(self):
        for i in range(40):
            yield Passage(f"p{i}", " ".join([f"w{i % 12}x"] * (1 + i % 5) + [f"f{i}x"] * (i % 7)))

    def queries(self, split):
        return {f"q{i}": f"w{i % 12}x" for i in range(self._queries)} | {"unjudged": "w1x", "none": "w2x"}

    def qrels(self, split):
        judged = {f"q{i}": {f"p{i % 12}": 1, f"p{i % 12 + 12}": 0, f"p{i % 12 + 24}": 2} for i in range(self._queries)}
        return judged | {"none": {"p3": 0}, "no text": {"p3": 1}}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))


def test_the_papers_grid():
    grid = Grid()
    assert grid.k1 == (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2) and grid.b == (0.5, 0.6, 0.7, 0.8, 0.9)
    assert len(grid.points) == 35 and grid.points[:2] == [(0.6, 0.5), (0.6, 0.6)]


def test_the_known_pair_is_a_mean_of_five_points_of_the_grid():
    # (.8 + .8 + .8 + .8 + .9) / 5 = .82 and (.7 + .7 + .7 + .7 + .6) / 5 = .68: steps of .1 give means in steps of .02.
    assert np.mean([0.8] * 4 + [0.9]) == pytest.approx(bm25.K1) and np.mean([0.7] * 4 + [0.6]) == pytest.approx(bm25.B)


def test_subsets_are_a_function_of_seed_and_ids():
    ids = [f"q{i}" for i in range(100)]
    drawn = subsets(ids, 30, 7)
    assert [len(set(part)) for part in drawn] == [30] * 5 and all(set(part) <= set(ids) for part in drawn)
    assert len({tuple(part) for part in drawn}) == 5
    assert subsets(ids[::-1], 30, 7) == drawn and subsets(ids, 30, 8) != drawn
    assert [len(part) for part in subsets(ids, 100, 7)] == [100] * 5
    # Each id has its own number: with more ids, those that stay do so in the same order.
    assert set(subsets(ids + ["new"], 30, 7)[0]) - set(drawn[0]) <= {"new"}


def test_every_figure_equals_recall_counted_by_hand(monkeypatch):
    monkeypatch.setattr(tuning, "DEPTH", 2)  # deep enough for some of the relevant passages only
    monkeypatch.setattr(tuning, "MEASURE", "R@2")
    data = Toy()
    found = tune(data, "train", GRID, threads=1)
    assert (found.queries, found.size) == (12, 4)
    parts = subsets([f"q{i}" for i in range(12)], 4, 1)
    index, texts = bm25.Index(data), data.queries("train")
    for row, (k1, b) in zip(found.recall, GRID.points, strict=True):
        run = index.search({f"q{i}": texts[f"q{i}"] for i in range(12)}, 2, k1, b).as_dict()
        for value, part in zip(row, parts, strict=True):
            hits = [sum(f"p{p}" in run[q] for p in (int(q[1:]), int(q[1:]) + 24)) / 2 for q in part]
            assert value == pytest.approx(math.fsum(hits) / 4, abs=1e-9)
    assert len({value for row in found.recall for value in row}) > 1  # or it would show nothing


def test_the_best_of_each_subset_and_their_mean(monkeypatch):
    # Points (.6, .5) (.6, .9) (1.2, .5) (1.2, .9); the highest of each column: 4th, 3rd, 2nd = 3rd, all equal, 4th.
    recall = [
        (0.1, 0.2, 0.3, 0.5, 0.0),
        (0.2, 0.1, 0.4, 0.5, 0.1),
        (0.3, 0.9, 0.4, 0.5, 0.2),
        (0.4, 0.3, 0.1, 0.5, 0.3),
    ]
    monkeypatch.setattr(tuning.bm25, "Index", lambda *args: None)
    monkeypatch.setattr(tuning, "_measure", fake_measure(recall))
    found = tune(Toy(), "train", GRID)
    assert found.optima == ((1.2, 0.9), (1.2, 0.5), (0.6, 0.9), (0.6, 0.5), (1.2, 0.9))
    assert (found.k1, found.b) == (0.96, 0.74)  # (1.2 + 1.2 + .6 + .6 + 1.2) / 5 and (.9 + .5 + .9 + .5 + .9) / 5
    assert np.allclose(found.mean_recall(), [[0.22, 0.26], [0.46, 0.32]])
    assert heatmap.text(found).splitlines() == [
        "BM25 on toy train: R@1000, mean of 5 subsets of 4 of 12 judged queries (seed 1)",
        "k1 \\ b 0.5        0.9",
        "0.6    0.2200  *1 0.2600 ░*1",
        "1.2    0.4600 █*1 0.3200 ▒*2",
        "subset 1: k1 1.2, b 0.9, R@1000 0.4000",
        "subset 2: k1 1.2, b 0.5, R@1000 0.9000",
        "subset 3: k1 0.6, b 0.9, R@1000 0.4000",
        "subset 4: k1 0.6, b 0.5, R@1000 0.5000",
        "subset 5: k1 1.2, b 0.9, R@1000 0.3000",
        "mean of the 5 optima: k1 0.96, b 0.74",
    ]


def fake_measure(values):
    def measure(index, queries, qrels, chosen, grid, recall, path, head):
        recall += [list(row) for row in values]
        tuning.write_json(path, tuning._record(head, grid, recall))

    return measure


def test_the_cache_says_all_and_is_used(monkeypatch):
    first = tune(Toy(), "train", GRID)
    saved = json.loads(first.path.read_text())
    assert first.path.parent == cache_dir() / "bm25" / "tuning" and first.path.name.startswith("toy-")
    assert saved["grid"] == {"k1": [0.6, 1.2], "b": [0.5, 0.9], "size": 4, "seed": 1}
    assert [(point["k1"], point["b"]) for point in saved["points"]] == GRID.points
    assert [tuple(point["recall"]) for point in saved["points"]] == list(first.recall)
    assert saved["mean"] == {"k1": first.k1, "b": first.b} and len(saved["optima"]) == 5
    monkeypatch.setattr(tuning.bm25, "Index", None)  # not touched again
    assert tune(Toy(), "train", GRID) == first


@pytest.mark.parametrize("other", ["seed", "queries", "collection", "Anserini", "language"])
def test_another_question_has_another_file(other, monkeypatch):
    first = tune(Toy(), "train", GRID)
    if other == "Anserini":
        monkeypatch.setattr(tuning.jvm, "anserini_version", lambda: "99.0")
    grid = Grid(GRID.k1, GRID.b, GRID.size, seed=2) if other == "seed" else GRID
    toy = Toy("other" if other == "collection" else "toy", 10 if other == "queries" else 12)
    second = tune(toy, "train", grid, language="de" if other == "language" else "en")
    assert second.language == json.loads(second.path.read_text())["language"] == ("de" if other == "language" else "en")
    assert second.path != first.path and first.path.is_file() and second.path.is_file()


def test_a_stopped_search_goes_on_where_it_was(monkeypatch):
    whole = tune(Toy("whole"), "train", GRID)
    asked, real = [], bm25.Index.search

    def search(self, queries, depth, k1, b, **options):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append((k1, b))
        return real(self, queries, depth, k1, b, **options)

    monkeypatch.setattr(bm25.Index, "search", search)
    with pytest.raises(KeyboardInterrupt):
        tune(Toy("parts"), "train", GRID)
    asked.clear()
    parts = tune(Toy("parts"), "train", GRID)
    assert asked == GRID.points[2:] and (parts.recall, parts.optima) == (whole.recall, whole.optima)


def test_a_damaged_cache_is_named():
    path = tune(Toy(), "train", GRID).path
    path.write_text('{"points": [{"k1": 5, "b": 0.5, "recall": []}]}')
    with pytest.raises(UserError, match="delete it to tune again"):
        tune(Toy(), "train", GRID)


def test_the_figure_is_a_png(tmp_path):
    found = tune(Toy(), "train", GRID)
    heatmap.write_figure(found, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k1": ()}, "--k1-grid"),
        ({"k1": (0.9, 0.6)}, "--k1-grid 0.9,0.6: give different numbers in ascending order"),
        ({"b": (0.5, 1.5)}, "b 1.5"),
        ({"size": 0}, "--subset 0"),
    ],
)
def test_grids_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        Grid(**options)


def test_one_judged_query_is_too_few():
    with pytest.raises(UserError, match="needs two or more"):
        tune(Toy(queries=1), "train", GRID)
    assert not cache_dir().exists()
