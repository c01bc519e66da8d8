"""MPNet (Song et al. 2020): RoBERTa's layers without token types, and a bias by distance that all layers share."""

from lce_tf.model.families import roberta
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import BERT_SIZES, Key, irrelevant

_LAYER = "encoder.layer.{i}."

FAMILY = Family(
    model_type="mpnet",
    help="MPNet, with relative positions",
    title="MPNet",
    prefix="mpnet",
    architecture="MPNetForSequenceClassification",
    head="pooler",
    head_names=roberta.HEAD_NAMES,
    names={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "relative": "encoder.relative_attention_bias",
        "qkv": tuple(f"{_LAYER}attention.attn.{part}" for part in "qkv"),
        "attention_output": f"{_LAYER}attention.attn.o",
        "attention_norm": f"{_LAYER}attention.LayerNorm",
        "intermediate": f"{_LAYER}intermediate.dense",
        "output": f"{_LAYER}output.dense",
        "output_norm": f"{_LAYER}output.LayerNorm",
    },
    keys=(
        *BERT_SIZES,
        Key("relative_attention_num_buckets", why="transformers computes with 32 whatever it says", only=(32, None)),
        *irrelevant("transformers numbers positions from 2 whatever it says", "pad_token_id"),
    ),
    defaults={"vocab_size": 30527, "pad_token_id": 1, "type_vocab_size": 0},
    positions="after padding",
    attention="biased",
)
