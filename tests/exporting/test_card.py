"""The model card describes the checkpoint, and states nothing that is unknown."""

import pytest

from lce_tf.errors import UserError
from lce_tf.exporting.card import model_card
from lce_tf.model.checkpoint import Trained
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.tokens.lengths import Lengths

TRAINING = {
    "dataset": "msmarco-passage", "split": "train", "run": "/home/somebody/bm25.train.trec", "loss": "lce", "group": 8,
    "backbone": "electra-base", "steps": 300, "batch": 16, "learning_rate": 1e-5, "recipe": "paper", "keep": "last",
    "dev_queries": 50, "dev_depth": 30, "dev_run": "/home/somebody/bm25.dev.trec", "passage_length": None,
}  # fmt: skip

ABOUT = Trained(EncoderConfig(), Scoring(), Lengths())


def card(about=ABOUT, training=TRAINING, manifest=None, measured=(), license="mit"):
    return model_card("lce8-hf", about, training, manifest or {}, list(measured), license)


def test_front_matter_is_what_the_hub_reads():
    import yaml

    _, head, text = card().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "mit",
        "library_name": "sentence-transformers",
        "pipeline_tag": "text-ranking",
        "base_model": "google/electra-base-discriminator",
        "datasets": ["irds/msmarco-passage"],
        "language": "en",
        "tags": ["sentence-transformers", "cross-encoder", "reranker"],
    }
    assert text.startswith("\n# ELECTRA cross-encoder, 12 layers of 768\n")


def test_the_hub_reads_the_value_measured_on_dev():
    from huggingface_hub import ModelCard

    text = card(training={**TRAINING, "dev_split": "dev"}, measured=[{"step": 9, "dev_mrr_10": 0.25004}])
    (result,) = ModelCard(text).data.eval_results
    assert (result.metric_type, result.metric_name, result.metric_value) == ("mrr@10", "MRR@10", 0.25)
    assert (result.dataset_type, result.dataset_name) == ("irds/msmarco-passage", "msmarco-passage, dev: 50 queries")
    assert result.task_type == "text-ranking"


def test_a_folder_is_no_data_set_of_the_hub(tmp_path, monkeypatch):
    from huggingface_hub import ModelCard

    monkeypatch.chdir(tmp_path)
    (tmp_path / "vaswani").mkdir()
    for dataset in ("/home/somebody/mine", "vaswani", "some/folder"):
        data = ModelCard(card(training={**TRAINING, "dataset": dataset}, measured=[{"dev_mrr_10": 0.5}])).data
        assert data.datasets is None and data.language is None
        assert data.eval_results[0].dataset_type == dataset.removeprefix("/home/somebody/")
    data = ModelCard(card(training={**TRAINING, "dataset": "pydocs"})).data
    assert data.datasets is None and data.language == "en" and not data.eval_results
    assert "datasets:\n- irds/beir_scifact\n" in card(training={**TRAINING, "dataset": "beir/scifact"})


def test_what_it_was_trained_on_without_this_machine_s_folders():
    text = card(measured=[{"step": 5, "dev_mrr_10": 0.9}, {"step": 9, "dev_mrr_10": 0.25}])
    rows = dict(line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| "))
    assert (rows["dataset"], rows["run"]) == ("msmarco-passage", "bm25.train.trec")
    assert (rows["loss"], rows["group"]) == ("lce", "8")
    assert "passage_length" not in rows and "/home" not in text
    assert "MRR@10 0.2500" in text and "(step 9)" in text
    best = card(training={**TRAINING, "keep": "best"}, measured=[{"step": 5, "dev_mrr_10": 0.9}, {"dev_mrr_10": 0.25}])
    assert "MRR@10 0.9000" in best and "(step 5)" in best


def test_another_measure_over_several_sets():
    rows = [
        {"step": 5, "dev_ndcg_10": 0.2, "dev_ndcg_10:mean": 0.9},
        {"step": 9, "dev_ndcg_10": 0.3, "dev_ndcg_10:mean": 0.1},
    ]
    text = card(training={**TRAINING, "keep": "best", "dev_measure": "nDCG@10"}, measured=rows)
    assert "nDCG@10 0.2000" in text and "(step 5)" in text
    assert "None were measured" in card(measured=rows)


def test_several_measures_of_which_the_first_decides():
    rows = [
        {"step": 0, "dev_first_stage_ndcg_10": 0.95, "dev_first_stage_mrr_10": 0.95},
        {"step": 5, "dev_ndcg_10": 0.5, "dev_mrr_10": 0.2},
        {"step": 9, "dev_ndcg_10": 0.4, "dev_mrr_10": 0.9},
    ]
    text = card(training={**TRAINING, "keep": "best", "dev_measure": "nDCG@10,MRR@10"}, measured=rows)
    assert "nDCG@10 0.5000, MRR@10 0.2000 on 50 queries" in text and "(step 5)" in text


def test_what_is_in_use_is_shown():
    used = {
        "loss_options": "temperature=0.5",
        "teacher": "/home/somebody/t.trec",
        "group_positives": 2,
        "clip_norm": 1.0,
    }
    text = card(training={**TRAINING, **used, "r_drop": 0.0})
    assert "| loss_options | temperature=0.5 |" in text and "| teacher | t.trec |" in text
    assert "| group_positives | 2 |" in text and "| clip_norm | 1.0 |" in text
    assert "r_drop" not in text and "clip_norm" not in card()


def test_nothing_is_made_up():
    text = card(training={}, license="unknown")
    assert "says nothing of its training" in text and "None were measured" in text and "base_model" not in text
    assert "license: unknown" in text
    assert "base_model" not in card(training={**TRAINING, "backbone": "models/mine/here"})
    assert "base_model: some/model\n" in card(training={**TRAINING, "backbone": "some/model@v1"})


def test_a_folder_is_no_base_model_of_the_hub():
    for backbone, facts, there in (
        ("models/lce8", {}, False),
        ("some/model", {"backbone_commit": "a" * 40}, True),
        ("minilm", {}, True),
    ):
        text = card(training={**TRAINING, "backbone": backbone}, manifest={"versions": {}, **facts})
        assert ("base_model: " in text) == there, backbone


def test_lengths_and_caveats():
    text = card()
    assert "at most 256 wordpieces" in text and "keeps 50" in text and "queries of up to 50 wordpieces" in text
    assert "such as `[SEP]`, is text to lce_tf" in text
    assert "gelu(z) - gelu(-z) = z" in text and "float16" not in text and "two logits" not in text
    # A query of 28 of 40 wordpieces leaves 9 to the passage: who cuts the longer text first cuts the query.
    released = Trained(
        EncoderConfig(model_type="bert"), Scoring(2, dtype="float16"), Lengths(28, 40, passage=9, windows=2)
    )
    text = " ".join(card(released).split())
    assert "queries of up to 18 wordpieces" in text and "at most 9 wordpieces" in text and "up to 2 such" in text
    assert "tanh(k e z) / e" in text and "two logits" in text
    sigmoid = Trained(EncoderConfig(), Scoring(1, "dense", activation="sigmoid"), Lengths())
    assert "torch.sigmoid(model(**inputs).logits[:, 0])" in card(sigmoid) and "gelu(z)" not in card(sigmoid)


@pytest.mark.parametrize("license", ["", "two words", "a\nb", "-x"])
def test_a_licence_that_is_none(license):
    with pytest.raises(UserError, match="--license"):
        card(license=license)


def test_the_sample_cuts_as_the_model_does():
    assert 'truncation="only_second"' in card()
    longest = Trained(EncoderConfig(), Scoring(), Lengths(query=508, sequence=512, cut="longest"))
    assert "truncation=True" in card(longest) and "only_second" not in card(longest)
