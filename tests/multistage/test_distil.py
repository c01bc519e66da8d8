"""What a student's training takes from its teacher."""

import json
import shutil

import pytest

from lce_tf.multistage.distil import training_like


@pytest.mark.parametrize(
    ("model_type", "architecture", "head"),
    [
        ("bert", "BertForSequenceClassification", "pooler"),
        ("electra", "ElectraForSequenceClassification", "dense"),
        ("distilbert", "DistilBertForSequenceClassification", "relu"),
    ],
)
def test_the_head_of_a_public_teacher(tmp_path, model_type, architecture, head):
    values = {"model_type": model_type, "architectures": [architecture], "num_labels": 1}
    (tmp_path / "config.json").write_text(json.dumps({**values, "id2label": {"0": "LABEL_0"}}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    found = training_like(str(tmp_path), {"learning_rate": 1e-4, "passage_length": None})
    assert found["head"] == head and found["learning_rate"] == 1e-4


def test_a_single_window_has_no_stride_of_the_teacher_s(small, tmp_path):
    folder = shutil.copytree(small.teacher, tmp_path / "teacher")
    values = json.loads((folder / "config.json").read_text())
    values["lce_tf"]["lengths"] = {"query": 8, "sequence": 32, "passage": 9, "stride": 4, "windows": 3}
    (folder / "config.json").write_text(json.dumps(values))
    many, two, one = (training_like(str(folder), {"windows": windows}) for windows in (None, 2, 1))
    assert (many["windows"], many["stride"], two["windows"], two["stride"]) == (3, 4, 2, 4)
    assert one["windows"] == 1 and "stride" not in one


def test_lengths_and_head_of_our_own_teacher(small):
    found = training_like(str(small.teacher), {"sequence_length": 20})
    assert found == {
        "query_length": 8, "sequence_length": 20, "passage_length": None, "padding_segment": 0, "head": "linear",
    }  # fmt: skip
