"""Ids are found for all widths, and if their hashes collide."""

import numpy as np
import pytest

from lce_tf.data import lookup
from lce_tf.data.lookup import IdLookup


def test_by_hand():
    found = IdLookup(np.array([b"d2", b"d10", b"a"])).rows(np.array([b"a", b"d1", b"d10", b"d2", b"d100", b""]))
    assert found.tolist() == [2, -1, 1, 0, -1, -1] and found.dtype == np.int64


def test_nothing_known_or_nothing_asked():
    assert IdLookup(np.zeros(0, "S1")).rows(np.array([b"a", b"b"])).tolist() == [-1, -1]
    assert IdLookup(np.array([b"a"])).rows(np.zeros(0, "S5")).tolist() == []


@pytest.mark.parametrize("part", [1, 1000, 1 << 20])
def test_many_ids_of_many_widths(monkeypatch, part):
    monkeypatch.setattr(lookup, "LOOK_UP", part)
    names = list(dict.fromkeys(str(i).encode() * (1 + i % 4) for i in range(0, 9000, 3)))  # 3333 is 3 and 33
    wanted = [str(i).encode() * (1 + i % 4) for i in range(3000)]
    row_of = {name: row for row, name in enumerate(names)}
    found = IdLookup(np.array(names)).rows(np.array(wanted))
    assert found.tolist() == [row_of.get(name, -1) for name in wanted]


def test_a_shared_hash_is_got_rid_of(monkeypatch):
    """Under the first two salts every id has the hash 7."""
    salts, real = [], lookup.id_hashes

    def hashes(ids, salt):
        salts.append(salt)
        return real(ids, salt) if salt > 1 else np.full(len(ids), 7, np.uint64)

    monkeypatch.setattr(lookup, "id_hashes", hashes)
    found = IdLookup(np.array([b"x", b"y", b"z"]))
    assert salts == [0, 1, 2] and found.rows(np.array([b"z", b"w", b"x"])).tolist() == [2, -1, 0]


def test_an_id_that_is_there_twice_is_found():
    assert IdLookup(np.array([b"x", b"y", b"x"])).rows(np.array([b"x", b"y"]))[0] in (0, 2)
