"""T5 as monoT5 (Raffel et al. 2020, Nogueira et al. 2020): "true" against "false" at the decoder's first step."""

from typing import Any

from lce_tf.errors import UserError
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import PADDING, Key, irrelevant, used

_LAYER, _DECODER = "encoder.block.{i}.layer.", "decoder.block.{i}.layer."


def _derive(values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The feed-forward's kind, the decoder's depth, and whether its vector is scaled."""
    kind = known["feed_forward_proj"]
    gate, _, activation = str(kind).rpartition("-")
    if gate not in ("", "gated"):
        raise UserError(f"feed_forward_proj {kind!r:.40}: is to be an activation, or gated- and one")
    depth = values.get("num_decoder_layers")
    return {
        "gated": gate == "gated",
        # The gelu of T5 1.1 is the tanh approximation.
        "hidden_act": "gelu_new" if kind == "gated-gelu" else activation,
        "num_decoder_layers": known.get("num_hidden_layers", 6) if depth is None else depth,
        # Older configurations say it by tying the output embeddings, which transformers 5 ties in any case.
        "scale_decoder_outputs": values.get("scale_decoder_outputs", values.get("tie_word_embeddings") is not False),
        "attention_probs_dropout_prob": known.get("hidden_dropout_prob", 0.1),
        "classifier_pooling": "decoder",
    }


FAMILY = Family(
    model_type="t5",
    help='T5 as monoT5: "true" against "false" at the decoder\'s first step',
    title="T5",
    prefix="",
    architecture="T5ForConditionalGeneration",
    head="linear",
    head_names={},
    names={
        "words": "shared",
        "relative": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
        "qkv": tuple(f"{_LAYER}0.SelfAttention.{part}" for part in "qkv"),
        "attention_output": f"{_LAYER}0.SelfAttention.o",
        "attention_norm": f"{_LAYER}0.layer_norm",
        "intermediate": f"{_LAYER}1.DenseReluDense.wi",
        "gated_intermediate": tuple(f"{_LAYER}1.DenseReluDense.wi_{part}" for part in "01"),
        "output": f"{_LAYER}1.DenseReluDense.wo",
        "output_norm": f"{_LAYER}1.layer_norm",
        "final_norm": "encoder.final_layer_norm",
        "decoder.self_norm": f"{_DECODER}0.layer_norm",
        "decoder.self_value": f"{_DECODER}0.SelfAttention.v",
        "decoder.self_output": f"{_DECODER}0.SelfAttention.o",
        "decoder.cross_norm": f"{_DECODER}1.layer_norm",
        "decoder.cross_query": f"{_DECODER}1.EncDecAttention.q",
        "decoder.cross_key_value": tuple(f"{_DECODER}1.EncDecAttention.{part}" for part in "kv"),
        "decoder.cross_output": f"{_DECODER}1.EncDecAttention.o",
        "decoder.feed_norm": f"{_DECODER}2.layer_norm",
        "decoder.intermediate": f"{_DECODER}2.DenseReluDense.wi",
        "decoder.gated_intermediate": tuple(f"{_DECODER}2.DenseReluDense.wi_{part}" for part in "01"),
        "decoder.output": f"{_DECODER}2.DenseReluDense.wo",
        "decoder.final_norm": "decoder.final_layer_norm",
    },
    keys=(
        *used("vocab_size", "relative_attention_num_buckets", "relative_attention_max_distance"),
        *used(d_model="hidden_size", d_kv="head_size", d_ff="intermediate_size", num_layers="num_hidden_layers"),
        *used(num_heads="num_attention_heads", layer_norm_epsilon="layer_norm_eps"),
        *used("decoder_start_token_id", "feed_forward_proj"),
        Key("num_decoder_layers", "num_decoder_layers", read=None),
        Key("scale_decoder_outputs", "scale_decoder_outputs", read=None),
        Key("tie_word_embeddings", "scale_decoder_outputs", read=None),
        *used(dropout_rate="hidden_dropout_prob"),
        *irrelevant("said by feed_forward_proj", "dense_act_fn", "is_gated_act"),
        *irrelevant("only read while training", "initializer_factor"),
        *irrelevant("about heads of other tasks", "classifier_dropout"),
        *irrelevant("positions are relative; a pair has at most 512 tokens whatever it says", "n_positions"),
        *irrelevant("decides what else is returned", "output_past"),
        PADDING,
    ),
    defaults={
        "vocab_size": 32128,
        "hidden_size": 512,
        "head_size": 64,
        "intermediate_size": 2048,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-6,
        "max_position_embeddings": 512,
        "feed_forward_proj": "relu",
    },
    derive=_derive,
    positions="none",
    attention="biased",
    norm="rms",
    scaled=False,
    float32_output=True,
    before=True,
    biases=False,
    unused=r"decoder\.block\.\d+\.layer\.(0\.SelfAttention\.[qk]|\d\.\w+\.relative_attention_bias)\.|lm_head\."
    r"|(en|de)coder\.embed_tokens\.",
    answers=(("▁false", "▁true"), ("▁no", "▁yes")),
)
