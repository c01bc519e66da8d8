"""ELECTRA: BERT's layers, narrower embeddings, no pooler (Clark et al. 2020)."""

from lce_tf.model.families import bert
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import irrelevant, used

FAMILY = Family(
    model_type="electra",
    help="ELECTRA discriminators, the paper's encoder",
    title="ELECTRA",
    prefix="electra",
    architecture="ElectraForSequenceClassification",
    head="dense",
    head_names={"head.dense": "classifier.dense", "head.out_proj": "classifier.out_proj"},
    names={**bert.NAMES, "projection": "embeddings_project"},
    keys=(
        *used("embedding_size"),
        *bert.FAMILY.keys,
        *irrelevant(
            "about heads of other tasks",
            "summary_type",
            "summary_use_proj",
            "summary_activation",
            "summary_last_dropout",
        ),
    ),
    # The defaults of transformers, which are the small model's.
    defaults={"embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
)
