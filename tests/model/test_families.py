"""Every family gives the scores and gradients of transformers' PyTorch classes, in every form of its weights."""

import contextlib
import json

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.errors import UserError
from lce_tf.model import checkpoint, hub
from lce_tf.model.config import EncoderConfig
from lce_tf.model.families import FAMILIES
from lce_tf.model.heads import HEADS
from lce_tf.model.packed import PackedModel
from lce_tf.model.precision import PRECISIONS
from lce_tf.model.tracing import unpadded
from lce_tf.model.weights import encoder_arrays
from lce_tf.reranker import Reranker
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.rows import PackedPairs, best_fit
from tests.tiny_models import ANSWERS, LENGTHS, MODELS, TYPE_0_LENGTHS, scored, tiny


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture
def one(name):
    return tiny(name)


@pytest.fixture
def folder(one, tmp_path):
    return one.save(tmp_path / "model")


def test_each_family_is_stated_whole():
    assert {name.removesuffix("-mean").removesuffix("-inner").removesuffix("-gated") for name in MODELS} - {
        "deberta-v3"
    } == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert family.model_type == name and family.help and family.title
        assert family.head in HEADS
        config = EncoderConfig.from_huggingface({"model_type": name, "relative_attention": True})
        if not family.answers:
            assert HEADS[family.head](config, 1).layers.keys() == family.head_names.keys()
        assert EncoderConfig.from_huggingface(config.to_huggingface()) == config


def test_what_a_configuration_leaves_out_is_what_transformers_assumes():
    import transformers

    for name, family in FAMILIES.items():
        theirs = transformers.AutoConfig.for_model(name)
        ours = EncoderConfig.from_huggingface({"model_type": name, "relative_attention": True})
        # Keys that are written as they are meant.
        keys = {key.name: key.field for key in family.keys if key.field and key.write and key.read}
        for key, field in keys.items():
            assert getattr(ours, field) == getattr(theirs, key, 0), (name, key)
        if ours.layer_types:
            assert list(ours.layer_types) == theirs.layer_types


def test_every_key_that_transformers_writes_is_decided():
    import transformers

    for name, family in FAMILIES.items():
        keys = {key.name: key for key in family.all_keys}
        written = transformers.AutoConfig.for_model(name).to_dict().keys() - {"model_type"}
        assert not written - keys.keys(), name
        assert len(keys) == len(family.all_keys)
        assert all(key.field or key.why for key in keys.values())


@pytest.mark.parametrize(
    "precision",
    ["float32", "mixed_float16"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("mixed_bfloat16", "products_bfloat16")],
)
def test_scores(one, folder, precision):
    model = checkpoint.load(folder, PRECISIONS[precision])
    # Shapes stay open in a graph, as engines have them; tracing takes longer than all else, so one precision has it.
    signature = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
    logits = tf.function(model.logits, input_signature=signature) if precision == "float32" else model.logits
    found = logits(*one.batch)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, one.logits, atol=1e-5 if precision == "float32" else 0.06)
    if precision != "float32":
        packed = PackedModel(model, 64, kernels=False).logits(in_rows(one))
        np.testing.assert_allclose(packed, one.logits, atol=0.06)


def test_the_first_layers_of_a_backbone_score_as_transformers_with_as_many(one, folder, tmp_path):
    about = checkpoint.trained(folder)
    if about.config.family.shares:
        with pytest.raises(UserError, match="--layers 1: ALBERT's layers share their weights"):
            checkpoint.from_backbone(str(folder), about.scoring, PRECISIONS["float32"], 1, layers=1)
        return
    cut = checkpoint.from_backbone(str(folder), about.scoring, PRECISIONS["float32"], 1, layers=1)
    theirs = type(one.model).from_pretrained(folder, num_hidden_layers=1).eval()
    np.testing.assert_allclose(cut.logits(*one.batch), scored(theirs).detach(), atol=1e-5)
    checkpoint.save(cut, tmp_path / "saved", folder, about.lengths, {})
    np.testing.assert_array_equal(checkpoint.load(tmp_path / "saved").logits(*one.batch), cut.logits(*one.batch))
    depth = about.config.num_hidden_layers
    with pytest.raises(UserError, match=f"--layers 9: the backbone has {depth}; give 1 to {depth}, or 0 for all"):
        checkpoint.from_backbone(str(folder), about.scoring, PRECISIONS["float32"], 1, layers=9)


def in_rows(one, width: int = 64) -> PackedPairs:
    """The pairs of the batch, some of which share a row."""
    starts, rows = best_fit(LENGTHS, width)
    ids, owners = np.zeros(rows * width, np.int32), np.full(rows * width, -1, np.int32)
    for pair, (start, length) in enumerate(zip(starts, LENGTHS, strict=True)):
        ids[start : start + length], owners[start : start + length] = one.ids[pair, :length], pair
    assert rows < 3
    columns = (ids, owners, starts, TYPE_0_LENGTHS, LENGTHS, np.arange(3))
    return PackedPairs(*(tf.constant(column, tf.int32) for column in columns))


def test_dropout_masks_are_the_same_with_and_without_padding(one, folder):
    about = checkpoint.trained(folder)
    model = checkpoint.from_backbone(str(folder), about.scoring, PRECISIONS["float32"], 1, dropout=0.2)
    batch, seed = [tf.constant(part) for part in one.batch], tf.constant([3, 1024])
    expected = model.logits(*batch, seed=seed)
    with unpadded(model):
        np.testing.assert_allclose(model.logits(*batch, seed=seed), expected, atol=1e-5)
    assert np.abs(expected - model.logits(*batch)).max() > 1e-3


@pytest.mark.parametrize("form", ["padded", "unpadded", "rows"])
def test_gradients(one, folder, form):
    model = checkpoint.load(folder)
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        if form == "rows":
            logits = PackedModel(model, 64, kernels=False).logits(in_rows(one))
        else:
            with unpadded(model) if form == "unpadded" else contextlib.nullcontext():
                logits = model.logits(*map(tf.constant, one.batch))
        loss = tf.reduce_sum(logits**2)
    np.testing.assert_allclose(logits, one.logits, atol=1e-5)
    # Written over the weights, gradients come out under the weights' names.
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign(tf.zeros_like(variable) if gradient is None else tf.convert_to_tensor(gradient))
    family = model.config.family
    found = encoder_arrays(model.encoder, family.start) | head_gradients(model)
    theirs = dict(one.gradients)
    if family.answers:  # the rows of the answers are a head of their own
        rows = theirs["shared.weight"]
        theirs["head.weight"], theirs["shared.weight"] = rows[list(ANSWERS)], np.delete(rows, ANSWERS, 0)
        found["shared.weight"] = np.delete(found["shared.weight"], ANSWERS, 0)
        found["head.weight"] *= 32**-0.5
    assert theirs.keys() - found.keys() <= unread(name for name in theirs)
    for weight, gradient in found.items():
        scale = abs(theirs[weight]).max() + 1e-3
        np.testing.assert_allclose(gradient / scale, theirs[weight] / scale, atol=2e-5, err_msg=weight)


def head_gradients(model) -> dict[str, np.ndarray]:
    if model.config.family.answers:
        return {"head.weight": model.head.linear.kernel.numpy().T}
    named = model.head.named(model.config.family.head_names)
    return {name: value.numpy().T if turned else value.numpy() for name, (value, turned) in named.items()}


def unread(names) -> set[str]:
    """Weights of T5's decoder that its first step does not read."""
    return {n for n in names if n.startswith("decoder") and n.endswith((".q.weight", ".k.weight", "_bias.weight"))}


def test_dropout_is_the_same_in_any_row(one, folder):
    model, seed = checkpoint.load(folder), tf.constant([7, 1])
    narrow, wide = (PackedModel(model, w, kernels=False).logits(in_rows(one, w), seed).numpy() for w in (64, 128))
    np.testing.assert_allclose(narrow, wide, atol=2e-6)
    if model.head.rate:  # what ALBERT and ModernBERT have by default is none
        slices = model.logits(*map(tf.constant, one.batch), seed=seed).numpy()
        assert all(np.isfinite(found).all() and abs(found - one.logits).max() > 1e-4 for found in (narrow, slices))


def arrays_of(folder) -> dict[str, np.ndarray]:
    model = checkpoint.load(folder)
    return encoder_arrays(model.encoder, "") | model.head.arrays()


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_forms_of_weights(one, folder, tmp_path):
    """In several files, as pickles of arrays, under another name, with buffers among them: the same weights."""
    import torch
    from safetensors.torch import load_file, save_file

    expected, state = arrays_of(folder), load_file(folder / "model.safetensors")
    others = {form: one.save(tmp_path / form) for form in ("sharded", "bin", "named")}
    for other in others.values():
        (other / "model.safetensors").unlink()
    one.model.save_pretrained(others["sharded"], max_shard_size="10kB")
    assert len(list(others["sharded"].glob("model-*.safetensors"))) > 1
    torch.save(state, others["bin"] / "pytorch_model.bin")
    (others["bin"] / "tf_model.h5").write_bytes(b"of other weights")
    named = {f"module.{name}": value for name, value in state.items()}
    named["module.embeddings.position_ids"] = torch.arange(64)[None]
    save_file(named, others["named"] / "model.safetensors")
    for form, other in others.items():
        assert equal(arrays_of(other), expected), form
    identities = {checkpoint.identity(other) for other in (folder, *others.values())}
    assert len(identities) == 4


def test_h5_of_a_classifier(one, folder, tmp_path):
    from safetensors.numpy import load_file

    from tests.model.test_weights import write_h5

    family = FAMILIES[one.model.config.model_type]
    other = one.save(tmp_path / "h5")
    (other / "model.safetensors").unlink()
    write_h5(other / "tf_model.h5", load_file(folder / "model.safetensors"), f"tf_{family.prefix}_for_ranking")
    assert equal(arrays_of(other), arrays_of(folder))


def test_what_training_saves_is_loaded_again(one, folder, tmp_path):
    before = checkpoint.load(folder)
    checkpoint.save(before, tmp_path / "saved", folder, Lengths(8, 32), {})
    assert equal(arrays_of(tmp_path / "saved"), arrays_of(folder))
    after = checkpoint.trained(tmp_path / "saved")
    assert (after.config, after.scoring) == (before.config, before.scoring)


def test_an_index_that_names_no_files_is_one_line(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    for values in (3, {}, {"weight_map": {}}, {"weight_map": {"a": "../b.safetensors"}}, {"weight_map": {"a": 3}}):
        index.write_text(json.dumps(values))
        with pytest.raises(UserError, match="model.safetensors.index.json: is no index of weight files"):
            hub.weights_sha256(tmp_path)


def test_answers_that_a_tokenizer_does_not_know(tmp_path):
    from tokenizers import Tokenizer, models

    folder = tiny("t5").save(tmp_path)
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(folder / "tokenizer.json"))
    with pytest.raises(UserError, match="tokenizer.json: has no words for the two answers, ▁false and ▁true, or"):
        checkpoint.load(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="has no tokenizer; expected tokenizer.json or vocab.txt"):
        checkpoint.load(folder)


def test_answers_of_a_tokenizer_that_is_a_sentencepiece_model_alone(tmp_path):
    from sentencepiece import sentencepiece_model_pb2

    folder = tiny("t5").save(tmp_path)
    before = checkpoint.load(folder).head.arrays()
    (folder / "tokenizer.json").unlink()
    model = sentencepiece_model_pb2.ModelProto()
    model.trainer_spec.model_type, model.trainer_spec.unk_id = 1, 2
    words = [("<pad>", 3), ("</s>", 3), ("<unk>", 2), *((f"▁w{i}", 1) for i in range(3, 100))]
    words[ANSWERS[0]], words[ANSWERS[1]] = ("▁false", 1), ("▁true", 1)
    for word, kind in words:
        model.pieces.add(piece=word, type=kind, score=-1.0)
    (folder / "spiece.model").write_bytes(model.SerializeToString())
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0}))
    assert equal(checkpoint.load(folder).head.arrays(), before)
    assert np.isfinite(Reranker.load(folder, engine="tensorflow").score([("w4 w5", "w6"), ("w9", "")])).all()
