"""DistilBERT (Sanh et al. 2019): BERT's layers without token types and pooler."""

from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import PADDING, irrelevant, used

_LAYER = "transformer.layer.{i}."

FAMILY = Family(
    model_type="distilbert",
    help="DistilBERT, half of BERT's layers",
    title="DistilBERT",
    prefix="distilbert",
    architecture="DistilBertForSequenceClassification",
    head="relu",
    head_names={"head.dense": "pre_classifier", "head.out_proj": "classifier"},
    names={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "qkv": tuple(f"{_LAYER}attention.{part}_lin" for part in "qkv"),
        "attention_output": f"{_LAYER}attention.out_lin",
        "attention_norm": f"{_LAYER}sa_layer_norm",
        "intermediate": f"{_LAYER}ffn.lin1",
        "output": f"{_LAYER}ffn.lin2",
        "output_norm": f"{_LAYER}output_layer_norm",
    },
    keys=(
        *used("vocab_size", "max_position_embeddings", "initializer_range"),
        *used(dim="hidden_size", n_layers="num_hidden_layers", n_heads="num_attention_heads"),
        *used(hidden_dim="intermediate_size", activation="hidden_act"),
        *used(dropout="hidden_dropout_prob", attention_dropout="attention_probs_dropout_prob"),
        *irrelevant("positions are in the weights, whatever they began as", "sinusoidal_pos_embds", "tie_weights_"),
        *irrelevant("only read while training", "qa_dropout"),
        *irrelevant("only read while training, where the head drops out at dropout", "seq_classif_dropout"),
        PADDING,
    ),
    defaults={"num_hidden_layers": 6, "type_vocab_size": 0},
)
