"""DeBERTa v2 and v3 (He et al. 2021): attention to contents and to distances."""

from typing import Any

from lce_tf.errors import UserError
from lce_tf.model.families import bert
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import BERT_SIZES, PADDING, Key, irrelevant, used

_LAYER = "encoder.layer.{i}."


def _derive(values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The settings of distances: kinds of products, the largest distance, buckets, and whether there is a norm."""
    kinds = values.get("pos_att_type") or ()
    kinds = [kind.strip() for kind in kinds.lower().split("|")] if isinstance(kinds, str) else kinds
    longest, buckets = (values.get(name, -1) for name in ("max_relative_positions", "position_buckets"))
    for name, value in (("max_relative_positions", longest), ("position_buckets", buckets)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise UserError(f"{name} {value!r:.40}: is not a whole number")
    pooled = values.get("pooler_hidden_size")
    if pooled not in (None, known.get("hidden_size", 768)):
        raise UserError(f"pooler_hidden_size {pooled!r:.40}: is to be hidden_size")
    return {
        "pos_att_type": tuple(sorted(kinds)) if isinstance(kinds, list | tuple) else kinds,
        "max_relative_positions": longest if longest > 0 else known.get("max_position_embeddings", 512),
        "position_buckets": max(buckets, 0),
        "norm_rel_ebd": "layer_norm" in str(values.get("norm_rel_ebd", "none")).lower().split("|"),
    }


FAMILY = Family(
    model_type="deberta-v2",
    help="DeBERTa v2 and v3",
    title="DeBERTa",
    prefix="deberta",
    architecture="DebertaV2ForSequenceClassification",
    head="dense",
    head_names={"head.dense": "pooler.dense", "head.out_proj": "classifier"},
    names={
        **bert.NAMES,
        "qkv": tuple(f"{_LAYER}attention.self.{part}_proj" for part in ("query", "key", "value")),
        "relative": "encoder.rel_embeddings",
        "relative_norm": "encoder.LayerNorm",
        "position_key": f"{_LAYER}attention.self.pos_key_proj",
        "position_query": f"{_LAYER}attention.self.pos_query_proj",
    },
    keys=(
        *BERT_SIZES,
        *used("type_vocab_size", "position_biased_input", "share_att_key"),
        Key("pos_att_type", "pos_att_type", read=None, write=list),
        Key("max_relative_positions", "max_relative_positions", read=None),
        Key("position_buckets", "position_buckets", read=None, write=lambda count: count or -1),
        Key("norm_rel_ebd", "norm_rel_ebd", read=None, write=lambda norm: "layer_norm" if norm else "none"),
        *used(pooler_hidden_act="classifier_activation"),
        Key("pooler_hidden_size", "hidden_size", read=None),
        Key("relative_attention", why="only attention to distances is computed", only=(True,)),
        Key("conv_kernel_size", why="the convolution of DeBERTa v2's larger models is not computed", only=(0, None)),
        Key("embedding_size", why="embeddings narrower than the layers are not supported", only=(None,)),
        Key("attention_head_size", why="heads of another size are not supported", only=(None,)),
        *irrelevant("about the convolution, which is refused", "conv_act", "conv_groups"),
        *irrelevant("only read while training, where the head drops out at hidden_dropout_prob", "pooler_dropout"),
        *irrelevant("only read while training, where the head drops out at hidden_dropout_prob", "cls_dropout"),
        *irrelevant("about the language model's head, which is not read", "legacy"),
        PADDING,
    ),
    defaults={
        "vocab_size": 128100,
        "hidden_size": 1536,
        "num_hidden_layers": 24,
        "num_attention_heads": 24,
        "intermediate_size": 6144,
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-7,
    },
    derive=_derive,
    attention="disentangled",
    unused=r"embeddings\.position_embeddings\.|(mask|lm)_predictions\.",
)
