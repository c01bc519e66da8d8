"""ELECTRA: BERT's layers, narrower embeddings, no pooler (Clark et al. 2020)."""

from lce_tf.model.families.family import Family

FAMILY = Family(
    model_type="electra",
    help="ELECTRA discriminators, the paper's encoder",
    prefix="electra",
    architecture="ElectraForSequenceClassification",
    head="dense",
    head_names={"head.dense": "classifier.dense", "head.out_proj": "classifier.out_proj"},
    # What transformers assumes: the small model.
    defaults={"embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    own_embedding_size=True,
)
