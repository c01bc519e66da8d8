import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint, hub
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.precision import PRECISIONS
from lce_tf.tokens.lengths import Lengths
from tests.checkpoints.made import CASES

FLOAT32 = PRECISIONS["float32"]
LENGTHS = Lengths(query=5, sequence=20)


def pairs():
    ids = np.random.default_rng(3).integers(1, 40, [4, 12]).astype(np.int32)
    return ids, np.array([5, 5, 4, 7], np.int32), np.array([12, 9, 12, 10], np.int32)


@pytest.fixture(scope="module", params=[1, 2], ids=["one-logit", "two-logits"])
def model(request, backbone):
    return checkpoint.from_backbone(str(backbone), Scoring(request.param), FLOAT32, seed=1)


@pytest.fixture(scope="module")
def saved(model, backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "new" / "folder"
    checkpoint.save(model, folder, backbone, LENGTHS, {"loss": "lce", "steps": 3})
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copied")


def one_line(call, *args):
    with pytest.raises(UserError) as refusal:
        call(*args)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_the_head_depends_on_the_seed_alone(backbone):
    kernels = [
        checkpoint.from_backbone(str(backbone), Scoring(2), FLOAT32, seed).head.linear.kernel.numpy()
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(kernels[0], kernels[1]) and not np.array_equal(kernels[0], kernels[2])
    assert np.abs(kernels[0]).max() <= 0.04 and kernels[0].std() == pytest.approx(0.02, rel=0.4)


def test_dropout_is_the_backbone_s_own_unless_given(backbone, tmp_path):
    own, given = (checkpoint.from_backbone(str(backbone), Scoring(1), FLOAT32, 1, dropout) for dropout in (None, 0.3))
    written = EncoderConfig.from_huggingface(hub.read_config(backbone), "config.json")
    kinds = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    assert [getattr(own.config, kind) for kind in kinds] == [getattr(written, kind) for kind in kinds]
    assert [getattr(given.config, kind) for kind in kinds] == [0.3, 0.3]
    checkpoint.save(given, tmp_path / "saved", backbone, LENGTHS, {})
    assert checkpoint.trained(tmp_path / "saved").config == given.config


def test_the_encoder_is_the_backbones(backbone, hf_model, reference, batch):
    encoder = checkpoint.from_backbone(str(backbone), Scoring(1), FLOAT32, 1).encoder
    expected = reference(hf_model("ElectraForPreTraining"), *batch())
    np.testing.assert_allclose(encoder(*batch(), cls_only=False), expected, atol=1e-5)


def test_save_and_load_give_identical_logits(model, saved):
    assert np.array_equal(checkpoint.load(saved).logits(*pairs()), model.logits(*pairs()))


def test_what_the_folder_holds(model, saved, backbone):
    names = {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"}
    assert {file.name for file in saved.iterdir()} == names
    assert (saved / "vocab.txt").read_bytes() == (backbone / "vocab.txt").read_bytes()
    values = json.loads((saved / "config.json").read_text())
    ours = {
        "scoring": asdict(model.scoring),
        "lengths": {"query": 5, "sequence": 20, "passage": None},
        "loss": "lce",
        "steps": 3,
        "layout_version": 1,
    }
    assert values == {**model.config.to_huggingface(), "lce_tf": ours}
    assert checkpoint.trained(saved) == (model.config, model.scoring, LENGTHS)


def test_transformers_reads_the_folder(saved, model, batch, reference):
    from transformers import ElectraModel

    theirs = ElectraModel.from_pretrained(saved).eval()
    np.testing.assert_allclose(model.encoder(*batch()), reference(theirs, *batch())[:, 0], atol=1e-5)


def test_a_trained_folder_is_a_backbone_too(saved, model, batch):
    again = checkpoint.from_backbone(str(saved), Scoring(1), FLOAT32, 9)
    assert np.array_equal(again.encoder(*batch()), model.encoder(*batch()))


def test_its_head_comes_along_where_it_has_the_shape_asked_for(saved, model):
    same = checkpoint.from_backbone(str(saved), model.scoring, FLOAT32, 9)
    assert np.array_equal(same.logits(*pairs()), model.logits(*pairs()))
    other = checkpoint.from_backbone(str(saved), Scoring(3 - model.scoring.outputs), FLOAT32, 9)
    assert other.logits(*pairs()).shape == (4, 3 - model.scoring.outputs)
    dense = checkpoint.from_backbone(str(saved), Scoring(2, head="dense"), FLOAT32, 9)
    assert dense.logits(*pairs()).shape == (4, 2)


@pytest.mark.parametrize(
    ("family", "scoring"),
    [("Electra", Scoring(2, "dense", rule="last")), ("Bert", Scoring(2, "pooler"))],
)
def test_a_single_logit_becomes_the_last_of_two(tmp_path, hf_model, capsys, family, scoring):
    hf_model(f"{family}ForSequenceClassification", num_labels=1).save_pretrained(tmp_path)
    capsys.readouterr()
    score = checkpoint.load(tmp_path).logits(*pairs())
    logits = checkpoint.from_backbone(str(tmp_path), scoring, FLOAT32, 9).logits(*pairs())
    assert score.shape == (4, 1) and capsys.readouterr().err == ""
    np.testing.assert_allclose(logits, np.concatenate([np.zeros([4, 1]), score], axis=1), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(scoring.score(logits), score[:, 0], rtol=1e-5, atol=1e-7)


def test_the_head_that_keeps_a_single_logit_is_told(tmp_path, hf_model, capsys):
    hf_model("ElectraForSequenceClassification", num_labels=1).save_pretrained(tmp_path)
    checkpoint.from_backbone(str(tmp_path), Scoring(1), FLOAT32, 9)
    said = capsys.readouterr().err
    assert said.endswith("its own is dense with 1 logit, this one linear with 1 logit; --head dense keeps it\n")


def test_a_head_that_does_not_come_along_is_told(saved, model, capsys):
    def said(scoring, folder=saved):
        checkpoint.from_backbone(str(folder), scoring, FLOAT32, 9)
        return capsys.readouterr().err

    one, outputs = "linear with 1 logit", model.scoring.outputs
    assert said(model.scoring) == ""
    start = f"note: {saved}: is a trained cross-encoder, but a new head is trained: "
    mine, other = (one, "linear with 2 logits")[:: 1 if outputs == 1 else -1]
    unlike = said(Scoring(3 - outputs))
    lost = f"{start}its own is {mine}, this one {other}; no --head of this loss keeps it\n"
    assert unlike == ("" if outputs == 1 else lost)  # one logit is the last of two as well
    keeps = said(Scoring(outputs, head="pooler"))
    wanted = mine.replace("linear", "pooler")
    assert keeps == f"{start}its own is {mine}, this one {wanted}; --head linear keeps it\n"


def test_an_inverted_classifier_is_not_kept(tmp_path, hf_model, capsys):
    names = {"id2label": {0: "relevant", 1: "not relevant"}, "label2id": {"relevant": 0, "not relevant": 1}}
    hf_model("BertForSequenceClassification", **names).save_pretrained(tmp_path)
    kept = checkpoint.load(tmp_path).head.arrays()
    found = checkpoint.from_backbone(str(tmp_path), Scoring(2, "pooler"), FLOAT32, 9).head.arrays()
    assert not np.array_equal(found["head.out_proj.weight"], kept["head.out_proj.weight"])
    assert "the first of its own's two logits means relevant, not the second" in capsys.readouterr().err


def test_a_classifier_that_gives_no_scores_is_a_backbone(tmp_path, hf_model, capsys):
    hf_model("BertForSequenceClassification", num_labels=3).save_pretrained(tmp_path)
    checkpoint.from_backbone(str(tmp_path), Scoring(1), FLOAT32, 9)
    assert "a new head is trained: " in (said := capsys.readouterr().err) and "has 3 labels" in said


def test_a_linear_module_of_sentence_transformers_is_a_head_too(tmp_path, capsys):
    CASES["an encoder, [CLS] and a linear module"](tmp_path)
    kept = checkpoint.load(tmp_path).head.arrays()["head.weight"]
    found = checkpoint.from_backbone(str(tmp_path), Scoring(1), FLOAT32, 9).head.arrays()["head.weight"]
    assert np.array_equal(found, kept) and capsys.readouterr().err == ""
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    found = checkpoint.from_backbone(str(tmp_path), Scoring(1), FLOAT32, 9).head.arrays()["head.weight"]
    assert (
        not np.array_equal(found, kept) and "its own reads the mean of the vectors, not cls" in capsys.readouterr().err
    )


def test_save_into_the_folder_of_the_tokenizer(model, copied):
    checkpoint.save(model, copied, copied, LENGTHS, {})
    assert np.array_equal(checkpoint.load(copied).logits(*pairs()), model.logits(*pairs()))
    assert (copied / "vocab.txt").stat().st_size


def test_load_in_another_precision(saved, model):
    logits = checkpoint.load(saved, PRECISIONS["products_bfloat16"]).logits(*pairs())
    np.testing.assert_allclose(logits, model.logits(*pairs()), atol=0.01)


def test_bert_keeps_its_prefix(tmp_path, hf_model):
    from safetensors import safe_open

    hf_model("BertModel").save_pretrained(tmp_path / "bert")
    model = checkpoint.from_backbone(str(tmp_path / "bert"), Scoring(1), FLOAT32, 1)
    checkpoint.save(model, tmp_path / "out", tmp_path / "bert", LENGTHS, {})
    with safe_open(tmp_path / "out" / "model.safetensors", "numpy") as file:
        assert {name.split(".")[0] for name in file.keys()} == {"bert", "head"}
    assert np.array_equal(checkpoint.load(tmp_path / "out").logits(*pairs()), model.logits(*pairs()))


def test_identity_changes_with_what_decides_scores(saved, copied, model, backbone):
    identity = checkpoint.identity(saved)
    assert len(identity) == 16 and int(identity, 16) >= 0
    assert checkpoint.identity(copied) == identity  # the place does not matter
    seen = {identity}
    config = json.loads((copied / "config.json").read_text())
    config["lce_tf"]["lengths"]["query"] = 6
    (copied / "config.json").write_text(json.dumps(config))
    seen.add(checkpoint.identity(copied))
    (copied / "vocab.txt").write_text((copied / "vocab.txt").read_text() + "more\n")
    seen.add(checkpoint.identity(copied))
    weights = bytearray((copied / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "model.safetensors").write_bytes(weights)
    seen.add(checkpoint.identity(copied))
    assert len(seen) == 4


def test_copy(saved, tmp_path):
    source = shutil.copytree(saved, tmp_path / "best")
    (source / ".model.safetensors.x.part").write_text("what an interrupted write left")
    (source / "summaries").mkdir()
    checkpoint.copy(source, tmp_path / "all")
    assert {f.name for f in (tmp_path / "all").iterdir()} == {f.name for f in saved.iterdir()}
    assert checkpoint.identity(tmp_path / "all") == checkpoint.identity(saved)


def test_trained_says_what_a_folder_is_not(tmp_path, backbone):
    assert "no such folder; name the --output" in one_line(checkpoint.trained, tmp_path / "none")
    assert "holds no checkpoint" in one_line(checkpoint.trained, tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert "its training has not finished" in one_line(checkpoint.trained, tmp_path)
    assert "is a backbone without a trained head" in one_line(checkpoint.trained, backbone)
    (tmp_path / "config.json").write_text("{,")
    assert "config.json:1: is not JSON" in one_line(checkpoint.trained, tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    assert "config.json: is not a JSON object" in one_line(checkpoint.trained, tmp_path)


@pytest.mark.parametrize("ours", [7, {"scoring": {}}, {"scoring": {}, "lengths": {"width": 3}}])
def test_a_foreign_lce_tf_part(ours, copied):
    (copied / "config.json").write_text(json.dumps({"model_type": "electra", "lce_tf": ours}))
    assert "its lce_tf part is not what training writes" in one_line(checkpoint.trained, copied)


def test_truncated_weights(copied):
    weights = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(weights[:-100])
    assert "model.safetensors: cannot be read as weights" in one_line(checkpoint.load, copied)
    (copied / "model.safetensors").unlink()
    assert "has no weights" in one_line(checkpoint.load, copied)


@pytest.mark.parametrize("head", [None, np.zeros([3, 24], np.float32), np.zeros([1, 23], np.float32)])
def test_a_head_that_does_not_fit(head, copied):
    from safetensors.numpy import load_file, save_file

    arrays = load_file(copied / "model.safetensors")
    del arrays["head.weight"]
    save_file(arrays | ({} if head is None else {"head.weight": head}), copied / "model.safetensors")
    assert "model.safetensors: head.weight is missing or does not fit" in one_line(checkpoint.load, copied)


def test_weights_of_another_shape_than_the_configuration(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "intermediate_size": 31}))
    assert "intermediate_size is 32 in its weights and 31 in its config.json" in one_line(checkpoint.load, copied)


def test_configuration_round_trip(saved, model):
    values = json.loads((saved / "config.json").read_text())
    assert EncoderConfig.from_huggingface(values) == model.config
