"""RoBERTa (Liu et al. 2019): BERT's layers, and positions that begin after the padding's id."""

from lce_tf.model.families import bert
from lce_tf.model.families.family import Family
from lce_tf.model.families.keys import used

HEAD_NAMES = {"head.pooler": "classifier.dense", "head.out_proj": "classifier.out_proj"}

FAMILY = Family(
    model_type="roberta",
    help="RoBERTa and models of its shape",
    title="RoBERTa",
    prefix="roberta",
    architecture="RobertaForSequenceClassification",
    head="pooler",
    head_names=HEAD_NAMES,
    names=bert.NAMES,
    keys=(
        *used("pad_token_id"),
        *(key for key in bert.FAMILY.keys if key.name != "pad_token_id"),
    ),
    defaults={"vocab_size": 50265, "pad_token_id": 1},
    positions="after padding",
)
