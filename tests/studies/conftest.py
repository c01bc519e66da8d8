"""The tiny checkpoints and the job of the tests of reranking, with judgments."""

from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from tests.reranking.conftest import checkpoints, config, data  # noqa: F401  (fixtures)


@pytest.fixture
def judged(data, tmp_path) -> Path:  # noqa: F811
    """Judgments of the job's run: grades 1 and 2 for some passages of each query."""
    run, draws, rows = read_run(data / "in.trec"), np.random.default_rng(4), []
    for number, query in enumerate(run.query_ids.tolist()):
        names = draws.permutation(run.passage_ids[slice(*run.offsets[number : number + 2])])[:4]
        rows += [f"{query.decode()} 0 {name.decode()} {1 + i % 2}\n" for i, name in enumerate(names)]
    path = tmp_path / "qrels"
    path.write_text("".join(rows))
    return path
