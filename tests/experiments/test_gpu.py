"""The GPU bench at toy size on a CPU: its own rows run and say what the table needs."""

import json

import pytest

from experiments.gpu import __main__ as bench
from experiments.gpu import ours, peers
from experiments.gpu.files import write_files


def test_every_row_is_a_part_of_its_side():
    sides = {"ours": ours.PARTS, "peers": peers.PARTS}
    assert {name for _, name in bench.ROWS} == {name for parts in sides.values() for name in parts}
    assert all(name in sides[side] for side, name in bench.ROWS)


@pytest.mark.slow
def test_rows_of_ours_at_toy_size(tmp_path):
    folder = write_files(tmp_path / "files", tiny=True)
    found = ours.rerank_text(folder, tiny=True)
    assert found["pairs"] == 50 * ours.DEPTH and found["pairs_per_second"] > found["with_everything"] > 0
    assert json.loads((folder / "reranked.trec.json").read_text())["depth"] == ours.DEPTH
    assert ours.score_store(folder, tiny=True)["finite"]
