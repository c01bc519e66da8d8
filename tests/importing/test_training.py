"""What is imported is what training takes: groups from the run, teacher scores for all of their members."""

import numpy as np

from lce_tf import TrainConfig, import_rows
from lce_tf.training.inputs import read_inputs
from tests.training.conftest import WORDS, make_backbone


def test_training_reads_the_data_set_the_negatives_and_the_teacher(tmp_path):
    backbone = make_backbone(tmp_path / "backbone")
    texts = [f"{word} {other}" for word, other in zip(WORDS, WORDS[1:], strict=False)]
    rows = [
        {"query": word, "pos": [texts[i]], "neg": texts[i + 10 : i + 13], "pos_scores": [5], "neg_scores": [i, -1, -2]}
        for i, word in enumerate(WORDS[:4])
    ]
    made = import_rows(rows, tmp_path / "mine")
    lengths = {"query_length": 8, "sequence_length": 32}
    found = read_inputs(
        TrainConfig(
            dataset=str(made.folder),
            run=str(made.run),
            backbone=str(backbone),
            loss="margin-mse",
            teacher=str(made.teacher),
            group=4,
            **lengths,
        )
    )
    assert len(found.pool) == 4 and found.pool.findings.summary() == "4 judged queries"
    assert found.teacher.positives.tolist() == [5] * 4
    assert np.sort(found.teacher.negatives).tolist() == [-2] * 4 + [-1] * 4 + [0, 1, 2, 3]
