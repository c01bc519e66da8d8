"""The curves of a training that measured several things on several dev sets."""

import json

from lce_tf.reporting.trainings import read_training
from tests.reporting.conftest import write_training


def test_curves_of_each_measure_and_set(tmp_path):
    folder = write_training(tmp_path / "lce8", dev_measure="nDCG@10,MRR@10")
    rows = [
        {"step": 0, "dev_first_stage_ndcg_10": 0.1, "dev_first_stage_mrr_10": 0.1},
        {"step": 3, "dev_ndcg_10": 0.5, "dev_ndcg_10:held": 0.6, "dev_ndcg_10:mean": 0.55, "dev_mrr_10": 0.25},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_training(folder).curves == {
        "nDCG@10 on the dev sample": [(3, 0.5)],
        "nDCG@10, held": [(3, 0.6)],
        "nDCG@10, mean": [(3, 0.55)],
        "MRR@10 on the dev sample": [(3, 0.25)],
    }
