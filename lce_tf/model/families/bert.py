"""BERT (Devlin et al. 2019), whose classifiers read a pooled [CLS]."""

from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import ABSOLUTE, BERT_SIZES, HEAD_DROPOUT, PADDING, irrelevant, used

_LAYER = "encoder.layer.{i}."
# The weights of BERT's layers, which many families share.
NAMES = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
    "qkv": tuple(f"{_LAYER}attention.self.{part}" for part in ("query", "key", "value")),
    "attention_output": f"{_LAYER}attention.output.dense",
    "attention_norm": f"{_LAYER}attention.output.LayerNorm",
    "intermediate": f"{_LAYER}intermediate.dense",
    "output": f"{_LAYER}output.dense",
    "output_norm": f"{_LAYER}output.LayerNorm",
}

FAMILY = Family(
    model_type="bert",
    help="BERT and models of its shape, such as MiniLM",
    title="BERT",
    prefix="bert",
    architecture="BertForSequenceClassification",
    head="pooler",
    head_names={"head.pooler": "bert.pooler.dense", "head.out_proj": "classifier"},
    names=NAMES,
    keys=(
        *BERT_SIZES,
        *used("type_vocab_size"),
        ABSOLUTE,
        *irrelevant(HEAD_DROPOUT, "classifier_dropout"),
        PADDING,
    ),
)
