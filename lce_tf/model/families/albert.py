"""ALBERT (Lan et al. 2020): narrow embeddings, and layers that share their weights."""

from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import BERT_SIZES, HEAD_DROPOUT, PADDING, irrelevant, used

_LAYER = "encoder.albert_layer_groups.{group}.albert_layers.{inner}."

FAMILY = Family(
    model_type="albert",
    help="ALBERT, whose layers share weights",
    title="ALBERT",
    prefix="albert",
    architecture="AlbertForSequenceClassification",
    head="pooler",
    head_names={"head.pooler": "albert.pooler", "head.out_proj": "classifier"},
    names={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "segments": "embeddings.token_type_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "projection": "encoder.embedding_hidden_mapping_in",
        "qkv": tuple(f"{_LAYER}attention.{part}" for part in ("query", "key", "value")),
        "attention_output": f"{_LAYER}attention.dense",
        "attention_norm": f"{_LAYER}attention.LayerNorm",
        "intermediate": f"{_LAYER}ffn",
        "output": f"{_LAYER}ffn_output",
        "output_norm": f"{_LAYER}full_layer_layer_norm",
    },
    keys=(
        *BERT_SIZES,
        *used("type_vocab_size", "embedding_size", "num_hidden_groups", "inner_group_num"),
        *irrelevant(HEAD_DROPOUT, "classifier_dropout_prob"),
        PADDING,
        *irrelevant("read by no version of transformers", "down_scale_factor", "gap_size", "net_structure_type"),
        *irrelevant("read by no version of transformers", "num_memory_blocks"),
    ),
    defaults={
        "vocab_size": 30000,
        "embedding_size": 128,
        "hidden_size": 4096,
        "num_attention_heads": 64,
        "intermediate_size": 16384,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    shares=True,
)
