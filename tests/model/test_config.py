import json

import pytest

from lce_tf.errors import UserError
from lce_tf.model import activations
from lce_tf.model.config import ACTIVATIONS, EncoderConfig, Lengths


def test_activation_names_are_those_of_the_functions():
    assert set(ACTIVATIONS) == set(activations.ACTIVATIONS)


def test_sizes_left_out_are_the_familys():
    import transformers

    for family, theirs in (("electra", transformers.ElectraConfig()), ("bert", transformers.BertConfig())):
        ours = EncoderConfig.from_huggingface({"model_type": family})
        expected = {n: getattr(theirs, n, None) for n in ours.to_huggingface()}
        if family == "bert":
            expected["embedding_size"] = theirs.hidden_size
        assert ours.to_huggingface() == expected


def test_bert_has_no_embedding_size_of_its_own():
    assert EncoderConfig.from_huggingface({"model_type": "bert", "hidden_size": 48}).embedding_size == 48


def test_round_trip_and_keys_of_others():
    config = EncoderConfig(hidden_size=24, num_attention_heads=3, embedding_size=8, hidden_act="relu")
    values = json.loads(json.dumps(config.to_huggingface()))
    assert EncoderConfig.from_huggingface({**values, "lce_tf": {}, "pad_token_id": 0, "use_cache": None}) == config


@pytest.mark.parametrize(
    "values, says",
    [
        ({}, "has no model_type"),
        ({"model_type": ["bert"]}, "has no model_type"),
        ({"model_type": "roberta"}, "model_type 'roberta': only electra and bert"),
        ({"model_type": "bert", "hidden_act": "silu"}, "hidden_act 'silu': known are gelu"),
        ({"model_type": "bert", "hidden_size": 50}, "hidden_size 50 is not a multiple of num_attention_heads 12"),
        ({"model_type": "bert", "num_attention_heads": 0}, "num_attention_heads 0: is not a positive"),
        ({"model_type": "electra", "hidden_size": "wide"}, "hidden_size 'wide': is not a positive"),
        ({"model_type": "bert", "num_hidden_layers": 0}, "num_hidden_layers 0: is not"),
        ({"model_type": "bert", "hidden_dropout_prob": 1.0}, "hidden_dropout_prob 1.0: is not a number from 0"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "'relative_key' is not absolute"),
        ({"model_type": "bert", "is_decoder": True}, "is_decoder is set"),
    ],
)
def test_what_cannot_be_carried_is_named_with_its_file(values, says):
    with pytest.raises(UserError) as refusal:
        EncoderConfig.from_huggingface(values, "some/config.json")
    assert str(refusal.value).startswith("some/config.json: ") and says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_lengths():
    assert Lengths() == Lengths(query=50, sequence=256)
    Lengths(query=5, sequence=9)
    for query, sequence in ((5, 8), (0, 20)):
        with pytest.raises(UserError, match="--sequence-length"):
            Lengths(query=query, sequence=sequence)
