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


def test_lengths():
    assert Lengths() == Lengths(query=50, sequence=256)
    Lengths(query=5, sequence=9)
    for query, sequence in ((5, 8), (0, 20)):
        with pytest.raises(UserError, match="--sequence-length"):
            Lengths(query=query, sequence=sequence)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": 0}, "--windows 0: give 1 or more"),
        ({"windows": 1 << 62}, "--windows 4611686018427387904: give 1 or more and less than"),
        ({"passage": 0}, "--window 0: give 1 or more"),
        ({"windows": 8}, "--windows 8: how long is a window? Give --window"),
        ({"windows": 8, "passage": 204}, "--window 204: does not fit into 256 wordpieces beside a query of 50"),
        ({"windows": 8, "passage": 150, "stride": 151}, "--stride 151: is not from 1 to the --window of 150"),
        ({"windows": 8, "passage": 150, "stride": 0}, "--stride 0"),
        ({"stride": 75, "passage": 150}, "--stride 75: a single window has no stride"),
    ],
)
def test_windows_that_make_no_sense(settings, message):
    with pytest.raises(UserError) as refusal:
        Lengths(**settings)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_stride_left_out_is_half_a_window():
    assert Lengths(passage=150, windows=8) == Lengths(passage=150, stride=75, windows=8)
    assert Lengths(passage=203, windows=2).stride == 101 and Lengths(passage=1, windows=2).stride == 1


def test_windows_can_be_overridden():
    many = Lengths(passage=150, stride=100, windows=8)
    assert many.override() == many.override(windows=None) == many and Lengths().override() == Lengths()
    assert many.override(windows=1) == Lengths(passage=150)
    assert many.override(windows=4) == Lengths(passage=150, stride=100, windows=4)
    assert many.override(passage=100) == Lengths(passage=100, stride=50, windows=8)
    assert many.override(passage=100, stride=9) == Lengths(passage=100, stride=9, windows=8)
    assert Lengths(passage=150).override(windows=8) == Lengths(passage=150, stride=75, windows=8)
    with pytest.raises(UserError, match="--stride 9: a single window"):
        many.override(windows=1, stride=9)


def test_windows_are_written_only_where_there_are_several():
    # What configurations and hashes were before there were windows.
    assert Lengths(passage=150).as_json() == {"query": 50, "sequence": 256, "passage": 150}
    many = Lengths(passage=150, windows=8)
    assert many.as_json()["stride"] == 75 and Lengths(**many.as_json()) == many
