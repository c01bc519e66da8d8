"""CamemBERT (Martin et al. 2020): RoBERTa over French."""

from dataclasses import replace

from lce_tf.model.families import roberta

FAMILY = replace(
    roberta.FAMILY,
    model_type="camembert",
    help="CamemBERT, RoBERTa over French",
    title="CamemBERT",
    architecture="CamembertForSequenceClassification",
    defaults={"pad_token_id": 1},
)
