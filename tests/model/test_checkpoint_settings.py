"""Settings that change scores are read or refused by name; unknown ones are refused unless they are trusted."""

import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint_settings
from lce_tf.reranking.opening import open_checkpoint
from tests.checkpoints import made


@pytest.fixture
def folder(tmp_path):
    made.save_bert(tmp_path)
    made.as_cross_encoder(tmp_path)
    return tmp_path


def test_a_usual_folder_passes(folder):
    checkpoint_settings.check(folder)


@pytest.mark.parametrize(
    ("file", "values", "key"),
    [
        ("config.json", {"pruned_heads": {"0": [1]}}, "pruned_heads"),
        ("config.json", {"quantization_config": {"bits": 4}}, "quantization_config"),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"truncation": "only_first"}}}, "truncation"),
        ("sentence_bert_config.json", {"tokenizer_name_or_path": "other"}, "tokenizer_name_or_path"),
    ],
)
def test_what_cannot_be_followed_is_refused_though_trusted(folder, file, values, key):
    made.edit(folder / file, **values)
    for trust in (False, True):
        with pytest.raises(UserError, match=f"{file}: .*{key}") as refused:
            open_checkpoint(folder, trust_settings=trust)
        assert "--trust-settings" not in str(refused.value)


@pytest.mark.parametrize(
    ("file", "values", "key"),
    [
        ("config.json", {"logit_scale": 2.0}, "logit_scale"),
        ("config.json", {"sentence_transformers": {"activation_fn": made.IDENTITY, "scale": 3}}, "scale"),
        ("config_sentence_transformers.json", {"score_bias": 1}, "score_bias"),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"stride": 4}}}, "processing_kwargs.text.stride"),
        ("sentence_bert_config.json", {"config_args": {"num_labels": 3}}, "config_kwargs.num_labels"),
    ],
)
def test_what_is_not_known_is_refused_unless_trusted(folder, file, values, key):
    made.edit(folder / file, **values)
    with pytest.raises(UserError, match=rf"{key} is .*give\s--trust-settings"):
        checkpoint_settings.check(folder)
    checkpoint_settings.check(folder, trust=True)


def test_keys_that_other_families_read_are_irrelevant(folder):
    made.edit(folder / "config.json", d_ff=64, global_attn_every_n_layers=3)
    checkpoint_settings.check(folder)


def test_keys_of_public_models_that_no_library_reads(folder):
    made.edit(folder / "config.json", cell={}, structure=[], emb_size=312, pre_trained="", training="")
    checkpoint_settings.check(folder)


def test_keys_that_hold_nothing_pass(folder):
    made.edit(folder / "config.json", something=False, other="", more=[], is_decoder=False, pruned_heads={})
    checkpoint_settings.check(folder)


def test_settings_that_are_not_read_are_not_refused(folder):
    (folder / "modules.json").unlink()
    made.edit(folder / "config_sentence_transformers.json", score_bias=1)
    checkpoint_settings.check(folder)


def dense(**changes):
    kind, values, arrays = made.dense(1, 1)
    return kind, {**values, **changes}, arrays


@pytest.mark.parametrize(
    ("modules", "line"),
    [
        ([("a.b.Normalize", {}, None)], "the module Normalize in 1_Normalize is not supported"),
        ([dense(use_residual=True)], "use_residual is set"),
        ([dense(activation_function="torch.nn.Tanh")], "applies torch.nn.Tanh"),
        ([made.dense(1, 1, "sentence_embedding")], "goes from sentence_embedding to scores"),
    ],
)
def test_modules_after_the_head_that_are_not_linear(tmp_path, modules, line):
    made.save_bert(tmp_path)
    made.as_cross_encoder(tmp_path, modules=modules)
    with pytest.raises(UserError, match=line):
        checkpoint_settings.check(tmp_path)
