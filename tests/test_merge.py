"""The merge command."""

import json
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import Run, read_run
from lce_tf.merge import main
from lce_tf.reranking.outputs import write_reranked
from lce_tf.reranking.shards import Shard


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two shards of a run of three queries, in the working directory."""
    monkeypatch.chdir(tmp_path)
    run = Run.build(["a", "b", "c"], [0, 2, 3, 5], ["d1", "d2", "d1", "d3", "d1"], [2, 1, 1, 2, 1])
    for index in range(2):
        shard = Shard(index, 2)
        facts = {"shard": index, "shards": 2, "run_queries": 3, "pairs": 3, "seconds": 1, "tag": "t"}
        scores = shard.of(run).scores.astype(np.float32)
        write_reranked(shard.of(run), {"scores": scores}, shard.file("new.trec"), facts)
    return tmp_path


def test_it_works_and_says_so(folder, capsys):
    assert main(["new.trec"]) == 0
    assert capsys.readouterr().out == "3 queries, 5 rows: new.trec\n"
    assert read_run("new.trec").query_ids.tolist() == [b"a", b"b", b"c"]
    assert Path("new.trec").read_text().splitlines()[2] == "b Q0 d1 1 1 t"
    assert json.loads(Path("new.trec.json").read_text())["pairs"] == 6


def test_shards_by_name(folder):
    assert main(["deep/other.trec", "--shards", "new.trec.shard-1-of-2", "new.trec.shard-0-of-2"]) == 0
    assert len(read_run("deep/other.trec")) == 5


def test_what_is_wrong_is_one_line(folder, capsys):
    Path("new.trec.shard-0-of-2").unlink()
    assert main(["new.trec"]) == 2
    out, error = capsys.readouterr()
    assert (out, error) == ("", "error: new.trec.shard-0-of-2: is missing; write it with lce rerank --shard 0/2\n")
    assert not Path("new.trec").exists()
