"""The pool of a large run: built once for each combination of its inputs, and the same when mapped."""

import numpy as np
import pytest

from lce_tf.data import hashes
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.groups import pool_cache
from lce_tf.groups.pool import PoolConfig, build_pool
from lce_tf.groups.pool_cache import training_pool
from lce_tf.tokens.store import TokenStore

QRELS = {"q1": {"d1": 1, "d4": 0}, "q2": {"d9": 1}, "q3": {"d2": 1}, "q4": {"d1": 1}}
RUN = b"".join(b"q%d Q0 d%d %d %d t\n" % (q, d, d, -d) for q in (1, 2, 3) for d in range(1, 5))


def store(ids, key):
    return TokenStore(np.array(ids), np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint16), key)


QUERIES = store([b"q1", b"q2", b"q3"], "queries")
PASSAGES = store([b"d%d" % i for i in range(1, 10)], "passages")


@pytest.fixture
def built(tmp_path, monkeypatch):
    """The configurations for which a pool was built, in order; every run is large."""
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 1)
    configurations = []

    def build(run, qrels, queries, passages, config):
        configurations.append(config)
        return build_pool(run, qrels, queries, passages, config)

    monkeypatch.setattr(pool_cache, "build_pool", build)
    return configurations


@pytest.fixture
def pool(tmp_path):
    def make(data=RUN, qrels=QRELS, judgments="j", queries=QUERIES, passages=PASSAGES, **config):
        path = tmp_path / "run"
        path.write_bytes(data)
        config = PoolConfig(**{"group": 3, **config})
        return training_pool(path, read_run(path), qrels, judgments, queries, passages, config)

    return make


def test_another_format_is_another_pool(built, tmp_path):
    (tmp_path / "run").write_bytes(b"".join(b"q1 d%d %d\n" % (n, n) for n in range(1, 7)))
    found = []
    for format in ("ranks", "scores"):
        run = read_run(tmp_path / "run", format)
        found.append(training_pool(tmp_path / "run", run, QRELS, "j", QUERIES, PASSAGES, PoolConfig(3), format))
    assert len(built) == 2
    assert found[0].negatives.tolist() != found[1].negatives.tolist()


def test_the_second_time_it_is_mapped_and_the_same(built, pool, tmp_path):
    first, second = pool(), pool()
    expected = build_pool(read_run(tmp_path / "run"), QRELS, QUERIES, PASSAGES, PoolConfig(3))
    assert len(built) == 1
    for found in (first, second):
        assert found.findings == expected.findings and len(found) == 3 and found.findings.not_in_run == ["q4"]
        for name in pool_cache._ARRAYS:
            values, wanted = getattr(found, name), getattr(expected, name)
            assert isinstance(values.base, np.memmap) and values.dtype == wanted.dtype
            assert values.tolist() == wanted.tolist(), name


@pytest.mark.parametrize(
    "change",
    [
        {"data": RUN.replace(b"q3 Q0 d4 4 -4 t\n", b"")},
        {"judgments": "other", "qrels": {**QRELS, "q1": {"d2": 1}}},
        {"queries": store([b"q1", b"q2"], "fewer")},
        {"passages": store([b"d%d" % i for i in range(1, 11)], "more")},
        {"group": 2},
        {"depth": 3},
        {"short_lists": "replace"},
        {"positives": "run"},
    ],
)
def test_whatever_it_depends_on_makes_another_pool(built, pool, change):
    pool()
    pool(**change)
    assert len(built) == 2
    pool(**change)
    assert len(built) == 2


def test_the_pool_of_a_small_run_is_not_kept(built, pool, monkeypatch, tmp_path):
    monkeypatch.setattr(hashes, "LARGE", len(RUN) + 1)
    assert len(pool()) == len(pool()) == 3 and len(built) == 2 and not (tmp_path / "cache").exists()


def test_a_torn_pool_is_built_again(built, pool, tmp_path):
    first = pool().negatives.tolist()
    (folder,) = (tmp_path / "cache" / "pools").iterdir()
    (folder / "negatives.npy").unlink()
    assert pool().negatives.tolist() == first and len(built) == 2


def test_no_usable_query_is_the_same_error_each_time(built, pool, tmp_path):
    for _ in range(2):
        with pytest.raises(UserError, match="no training query is usable: 4 judged queries, 1 not in the run"):
            pool(group=6)
    assert not (tmp_path / "cache" / "pools").exists()
