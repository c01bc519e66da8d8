import json

import pytest

from lce_tf.errors import UserError
from lce_tf.model import activations
from lce_tf.model.config import ACTIVATIONS, EncoderConfig


def test_activation_names_are_those_of_the_functions():
    assert set(ACTIVATIONS) == set(activations.ACTIVATIONS)


def test_sizes_left_out_are_the_familys():
    import transformers

    for family, theirs in (("electra", transformers.ElectraConfig()), ("bert", transformers.BertConfig())):
        ours = EncoderConfig.from_huggingface({"model_type": family})
        expected = {n: getattr(theirs, n, None) for n in ours.to_huggingface()}
        assert ours.to_huggingface() == expected


def test_bert_has_no_embedding_size_of_its_own():
    assert EncoderConfig.from_huggingface({"model_type": "bert", "hidden_size": 48}).embedding_size == 48


def test_round_trip_and_keys_of_others():
    config = EncoderConfig(hidden_size=24, num_attention_heads=3, embedding_size=8, hidden_act="relu")
    values = json.loads(json.dumps(config.to_huggingface()))
    assert EncoderConfig.from_huggingface({**values, "lce_tf": {}, "pad_token_id": 0, "use_cache": None}) == config


def test_modernbert_s_keys_are_written_under_their_older_names_too():
    given = {"model_type": "modernbert", "num_hidden_layers": 4, "local_rope_theta": 160000.0}
    values = EncoderConfig.from_huggingface(given).to_huggingface()
    older = {name: values[name] for name in ("global_rope_theta", "local_rope_theta", "global_attn_every_n_layers")}
    assert older == {"global_rope_theta": 160000.0, "local_rope_theta": 160000.0, "global_attn_every_n_layers": 3}
    assert values["rope_parameters"]["sliding_attention"]["rope_theta"] == 160000.0
    uneven = ["full_attention", "sliding_attention", "full_attention", "full_attention"]
    values = EncoderConfig.from_huggingface({**given, "layer_types": uneven}).to_huggingface()
    assert values["layer_types"] == uneven and "global_attn_every_n_layers" not in values


@pytest.mark.parametrize(
    "values, says",
    [
        ({}, "has no model_type"),
        ({"model_type": ["bert"]}, "has no model_type"),
        ({"model_type": "nomic_bert"}, "model_type 'nomic_bert': only albert, bert, "),
        (
            {"model_type": "qwen3"},
            "model_type 'qwen3': is a decoder, which scores by the next word after a prompt; run",
        ),
        ({"model_type": "gemma2"}, "model_type 'gemma2': is a decoder"),
        ({"model_type": "bert", "architectures": ["HF_ColBERT"]}, "'HF_ColBERT': is a late-interaction model; run it"),
        ({"model_type": "bert", "auto_map": {"AutoModel": "x--y.Z"}}, "auto_map {'AutoModel': 'x--y.Z'}: names Python"),
        ({"model_type": "deberta-v2"}, "relative_attention None: only attention to distances is computed"),
        (
            {"model_type": "modernbert", "rope_scaling": {"rope_type": "yarn"}},
            "rope_scaling {'rope_type': 'yarn'}: only",
        ),
        ({"model_type": "bert", "hidden_act": "mish"}, "hidden_act 'mish': known are gelu"),
        ({"model_type": "bert", "hidden_size": 50}, "hidden_size 50 is not a multiple of num_attention_heads 12"),
        ({"model_type": "bert", "num_attention_heads": 0}, "num_attention_heads 0: is not a whole number from 1 to"),
        ({"model_type": "electra", "hidden_size": "wide"}, "hidden_size 'wide': is not a whole number from 1 to"),
        ({"model_type": "bert", "num_hidden_layers": 0}, "num_hidden_layers 0: is not"),
        ({"model_type": "bert", "hidden_dropout_prob": 1.0}, "hidden_dropout_prob 1.0: is not a number from 0"),
        (
            {"model_type": "bert", "position_embedding_type": "relative_key"},
            "position_embedding_type 'relative_key': relative",
        ),
        ({"model_type": "bert", "is_decoder": True}, "is_decoder True: only encoders"),
    ],
)
def test_what_cannot_be_carried_is_named_with_its_file(values, says):
    with pytest.raises(UserError) as refusal:
        EncoderConfig.from_huggingface(values, "some/config.json")
    assert str(refusal.value).startswith("some/config.json: ") and says in str(refusal.value)
    assert "\n" not in str(refusal.value)
