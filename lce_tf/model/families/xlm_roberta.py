"""XLM-RoBERTa (Conneau et al. 2020): RoBERTa over a hundred languages."""

from dataclasses import replace

from lce_tf.model.families import roberta

FAMILY = replace(
    roberta.FAMILY,
    model_type="xlm-roberta",
    help="XLM-RoBERTa and multilingual models of its shape, such as bge-reranker",
    title="XLM-RoBERTa",
    architecture="XLMRobertaForSequenceClassification",
    defaults={"pad_token_id": 1},
)
