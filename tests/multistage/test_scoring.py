"""What a product of several stages says that it was made from."""

import hashlib
import json

from lce_tf.foundation.steps import changed
from lce_tf.multistage.scoring import backbone_hashes


def test_a_single_file_of_weights(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = backbone_hashes(str(tmp_path))
    assert before["backbone_sha256"] == hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_act": "relu"}')
    now = backbone_hashes(str(tmp_path))
    assert changed(now, before, {}).startswith("backbone_config")
    assert changed(now, {"backbone_sha256": before["backbone_sha256"]}, {}) is None  # an older record


def test_other_weights_in_the_files_that_an_index_names(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    index, shard = tmp_path / "model.safetensors.index.json", tmp_path / "model-1.safetensors"
    index.write_text(json.dumps({"weight_map": {"a": shard.name}}))
    shard.write_bytes(b"weights")
    before = backbone_hashes(str(tmp_path))
    shard.write_bytes(b"others")
    now = backbone_hashes(str(tmp_path))
    assert changed(now, before, {}).startswith("backbone_shards_sha256")
    # A record from before the files were hashed is none of other weights.
    assert changed(now, {"backbone_sha256": before["backbone_sha256"]}, {}) is None
