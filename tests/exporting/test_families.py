"""What is exported of every family gives our scores in transformers and in sentence-transformers."""

import json

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.exporting.huggingface import config_of, export_huggingface, model_arrays
from lce_tf.exporting.openvino import export_openvino_folder
from lce_tf.foundation.files import write_json
from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.model.precision import PRECISIONS
from lce_tf.reranker import Reranker
from lce_tf.tokens.lengths import Lengths
from tests.checkpoints import made
from tests.tiny_models import ANSWERS, MODELS, save_answers, save_with_words, tiny

# Families whose own head can compute a linear one.
LINEAR = [name for name in MODELS if not name.startswith(("modernbert", "t5"))]


def in_transformers(folder, ids, lengths, type_0_lengths):
    """Logits of the batch by the class that config.json names, which finds each of its weights in the folder."""
    import torch
    import transformers

    config = json.loads((folder / "config.json").read_text())
    architecture = getattr(transformers, config["architectures"][0])
    model, about = architecture.from_pretrained(folder, output_loading_info=True)
    assert not about["missing_keys"] and not about["unexpected_keys"] and not about["mismatched_keys"]
    position = np.arange(ids.shape[1])[None]
    mask, segments = position < lengths[:, None], (position >= type_0_lengths[:, None]) & (position < lengths[:, None])
    given = {"input_ids": torch.tensor(ids.astype(np.int64)), "attention_mask": torch.tensor(mask.astype(np.int64))}
    with torch.no_grad():
        if config["model_type"] == "t5":
            logits = model.eval()(**given, decoder_input_ids=torch.zeros([3, 1], dtype=torch.long)).logits[:, 0]
            return (logits[:, ANSWERS[1]] - logits[:, ANSWERS[0]]).numpy()
        if getattr(model.config, "type_vocab_size", 0) > 1:
            given["token_type_ids"] = torch.tensor(segments.astype(np.int64))
        return model.eval()(**given).logits[:, 0].numpy()


def written(folder, target):
    """The model's part of an exported folder."""
    from safetensors.numpy import save_file

    target.mkdir()
    save_file(model_arrays(folder), target / "model.safetensors", metadata={"format": "pt"})
    write_json(target / "config.json", config_of(checkpoint.trained(folder)))
    return target


@pytest.mark.parametrize("name", MODELS)
def test_transformers_gives_our_scores(name, tmp_path):
    one = tiny(name)
    folder = written(one.save(tmp_path / "model"), tmp_path / "exported")
    ids, type_0_lengths, lengths = one.batch
    expected = one.logits[:, -1] - (one.logits[:, 0] if one.logits.shape[1] == 2 else 0)
    np.testing.assert_allclose(in_transformers(folder, ids, lengths, type_0_lengths), expected, atol=2e-5)
    if name.startswith("t5"):
        save_answers(folder)
        # transformers 4 takes the word embeddings for output embeddings that are tied, whatever the file holds.
        assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is False
    back = checkpoint.load(folder)
    np.testing.assert_allclose(back.scoring.score(back.logits(*one.batch)), expected, atol=2e-5)


@pytest.mark.parametrize("name", [*LINEAR, "t5", "t5-gated"])
def test_a_linear_head_comes_out_the_same(name, tmp_path):
    one = tiny(name)
    backbone = one.save(tmp_path / "model")
    model = checkpoint.from_backbone(str(backbone), Scoring(), PRECISIONS["float32"], seed=3)
    model.head.linear.kernel.assign(model.head.linear.kernel * 10)
    checkpoint.save(model, tmp_path / "trained", backbone, Lengths(8, 40), {})
    if name.startswith("t5"):
        save_answers(tmp_path / "trained")
    ids, type_0_lengths, lengths = one.batch
    expected = model.logits(*one.batch)[:, 0].numpy()
    found = in_transformers(written(tmp_path / "trained", tmp_path / "exported"), ids, lengths, type_0_lengths)
    assert expected.std() > 0.02
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_t5_is_exported_with_its_prompt_left_to_the_reader(tmp_path):
    folder = tiny("t5").save(tmp_path / "model")
    made.edit(folder / "tokenizer.json", pre_tokenizer={"type": "WhitespaceSplit"})
    special = {"pad_token": "w97", "eos_token": "w98", "unk_token": "w99", "model_max_length": 40}
    made.edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", **special)
    pairs = [("w20 w21", "w22 w23 w24"), ("w21", "w30 w31"), ("w40 w41 w42", "w43")]
    ours = Reranker.load(folder, engine="tensorflow", precision="float32").score(pairs)
    exported = export_huggingface(folder, tmp_path / "exported")
    again = Reranker.load(exported, engine="tensorflow", precision="float32").score(pairs)
    assert np.std(ours) > 1e-3
    np.testing.assert_allclose(again, ours, atol=1e-5)
    card = (exported / "README.md").read_text()
    assert "`Query: QUERY Document: PASSAGE Relevant:`" in card and "[CLS]" not in card
    with pytest.raises(UserError, match="t5 reads a prompt, .*; use --format hf"):
        export_openvino_folder(folder, tmp_path / "openvino")
    assert not (tmp_path / "openvino").exists()


def test_a_head_that_modernbert_has_not(tmp_path):
    backbone = tiny("modernbert").save(tmp_path / "model")
    model = checkpoint.from_backbone(str(backbone), Scoring(), PRECISIONS["float32"], seed=3)
    checkpoint.save(model, tmp_path / "trained", backbone, Lengths(8, 40), {})
    with pytest.raises(UserError, match="the linear head has no equal in Hugging Face's modernbert; train with --head"):
        model_arrays(tmp_path / "trained")


@pytest.mark.parametrize(
    ("case", "pooling", "line"),
    [
        ("an encoder, [CLS] and a linear module", "mean", r"pool by the mean, and Hugging Face's bert reads"),
        ("do_lower_case", None, "its do_lower_case .* nothing that this format can say; use the folder as it is$"),
        ("a default prompt", None, "its default prompt .* say; use --format savedmodel, or the folder as it is$"),
    ],
)
def test_settings_of_sentence_transformers_that_hugging_face_s_layout_has_not(case, pooling, line, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    made.CASES[case](folder)
    if pooling:
        made.edit(folder / "1_Pooling" / "config.json", pooling_mode=pooling)
    with pytest.raises(UserError, match=line):
        export_huggingface(folder, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


# Those that are exported and read as another one is; transformers itself reads each of them above.
ALIKE = ("xlm-roberta", "camembert", "deberta-v2", "albert-inner")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ALIKE else ())
        for name in MODELS
        if not name.startswith("t5")
    ],
)
def test_sentence_transformers_gives_our_scores(name, tmp_path):
    """With a BERT tokenizer, which suits a tiny model of any family."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = save_with_words(name, tmp_path / "model")
    pairs = [("a b", "c d e"), ("b", "x y " * 30), ("q r s", "s")]
    ours = Reranker.load(folder, engine="tensorflow", precision="float32").score(pairs)
    exported = export_huggingface(folder, tmp_path / "exported")
    theirs = sentence_transformers.CrossEncoder(str(exported), device="cpu").predict(pairs)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    again = Reranker.load(exported, engine="tensorflow", precision="float32").score(pairs)
    np.testing.assert_allclose(again, ours, atol=1e-5)
