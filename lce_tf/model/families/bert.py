"""BERT (Devlin et al. 2019), whose classifiers read a pooled [CLS]."""

from lce_tf.model.families.family import Family

FAMILY = Family(
    model_type="bert",
    help="BERT and models of its shape, such as MiniLM",
    prefix="bert",
    architecture="BertForSequenceClassification",
    head="pooler",
    head_names={"head.pooler": "pooler.dense", "head.out_proj": "classifier"},
)
