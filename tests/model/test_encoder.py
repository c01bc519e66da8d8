"""The encoder equals transformers' PyTorch models, padding included."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from lce_tf.model import hub
from lce_tf.model.attention import ATTENTIONS, Attention
from lce_tf.model.config import ACTIVATIONS, ROW_MULTIPLE, EncoderConfig
from lce_tf.model.encoder import Encoder
from lce_tf.model.precision import PRECISIONS
from lce_tf.model.tracing import filled, plain
from lce_tf.model.weight_files import read_arrays
from lce_tf.model.weights import load_encoder


def loaded(folder):
    encoder = Encoder(EncoderConfig.from_huggingface(hub.read_config(folder)))
    load_encoder(encoder, hub.weight_file(folder))
    return encoder


def check(encoder, expected, arrays):
    full = encoder(*arrays, cls_only=False).numpy()
    first = encoder(*arrays).numpy()
    assert full.shape == expected.shape and first.shape == expected[:, 0].shape
    with plain(encoder):
        textbook = encoder(*arrays, cls_only=False).numpy()
    assert not np.array_equal(textbook, full)  # another order of operations
    for result in (full, textbook):
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(first, expected[:, 0], rtol=0, atol=1e-5)


SMALL = {"embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024}
BASE = {"embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}


@pytest.mark.parametrize(
    "name, sizes",
    [
        ("ElectraModel", {**SMALL, "num_hidden_layers": 4, "vocab_size": 1000, "max_position_embeddings": 512}),
        ("ElectraModel", {**BASE, "num_hidden_layers": 2, "vocab_size": 1000, "max_position_embeddings": 512}),
        ("BertModel", {}),
        ("ElectraModel", {"num_hidden_layers": 1}),
        ("BertModel", {"type_vocab_size": 3, "layer_norm_eps": 1e-5}),
    ],
    ids=["electra-small-4-layers", "electra-base-2-layers", "bert-tiny", "one-layer", "bert-other-rates"],
)
def test_equals_pytorch(name, sizes, tmp_path, hf_model, batch, reference):
    model = hf_model(name, **sizes)
    model.save_pretrained(tmp_path)
    arrays = batch(model.config.vocab_size, length=31, lengths=(31, 20, 9, 3), query_lengths=(6, 9, 2, 1))
    check(loaded(tmp_path), reference(model, *arrays), arrays)


@pytest.mark.slow
def test_equals_pytorch_electra_base_whole(tmp_path, hf_model, batch, reference):
    sizes = {**BASE, "num_hidden_layers": 12, "vocab_size": 30522, "max_position_embeddings": 512}
    model = hf_model("ElectraModel", **sizes)
    model.save_pretrained(tmp_path)
    arrays = batch(30522, length=256, lengths=(256, 170, 31), query_lengths=(50, 7, 3))
    check(loaded(tmp_path), reference(model, *arrays), arrays)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equals_pytorch_with_every_activation(activation, tmp_path, hf_model, batch, reference):
    model = hf_model("ElectraModel", hidden_act=activation)
    model.save_pretrained(tmp_path)
    check(loaded(tmp_path), reference(model, *batch()), batch())


def test_equals_pytorch_on_real_text():
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = hub.locate("minilm")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    queries = ["what is a localized contrastive loss", "who wrote it?"]
    passages = ["It takes the hardest negatives of a retriever's own top ranks, and so it is called local.", "Several."]
    inputs = tokenizer(queries, passages, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = BertModel.from_pretrained(folder).eval()(**inputs)[0].numpy()
    arrays = [inputs[n].numpy().astype(np.int32) for n in ("input_ids", "token_type_ids", "attention_mask")]
    tokens = arrays[2] == 1
    assert not tokens.all()  # there is padding
    encoder = loaded(folder)
    full = encoder(*arrays, cls_only=False).numpy()
    np.testing.assert_allclose(full[tokens], expected[tokens], rtol=0, atol=1e-5)
    np.testing.assert_allclose(encoder(*arrays), expected[:, 0], rtol=0, atol=1e-5)
    # The vectors of padding are read by nobody, and this model magnifies rounding there: PyTorch's own float32
    # differs from its float64 by 5e-5 in them.
    np.testing.assert_allclose(full, expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_every_kind_of_attention_has_the_methods_of_the_protocol(kind):
    for method in ("shared", "logits"):
        own, asked = (list(inspect.signature(getattr(of, method)).parameters) for of in (ATTENTIONS[kind], Attention))
        assert own == asked


def test_full_dropout_free_result_does_not_depend_on_the_seed_argument(backbone, batch):
    """Seed None switches dropout off; a seed switches it on, the same one in the same way."""
    encoder = loaded(backbone)
    plain = encoder(*batch()).numpy()
    one, again, other = (encoder(*batch(), seed=np.array(s, np.int32)).numpy() for s in ([1, 2], [1, 2], [1, 1026]))
    assert np.array_equal(one, again)
    assert not np.allclose(one, plain) and not np.allclose(one, other)


def test_plain_and_filled_end_with_their_blocks(backbone, batch):
    encoder = loaded(backbone)
    model = SimpleNamespace(encoder=encoder)
    before = encoder(*batch()).numpy()
    with pytest.raises(KeyboardInterrupt), plain(encoder), filled(model):
        raise KeyboardInterrupt
    np.testing.assert_array_equal(encoder(*batch()).numpy(), before)


def test_filled_vectors_come_first(backbone, batch):
    encoder = loaded(backbone)
    with filled(SimpleNamespace(encoder=encoder)):
        more = encoder(*batch()).numpy()
    alone = encoder(*batch()).numpy()
    assert len(alone) < ROW_MULTIPLE == len(more)
    np.testing.assert_allclose(more[: len(alone)], alone, rtol=0, atol=1e-5)


def test_initial_embeddings_differ():
    encoder = Encoder(
        EncoderConfig(
            vocab_size=8,
            embedding_size=4,
            hidden_size=4,
            num_attention_heads=2,
            intermediate_size=4,
            num_hidden_layers=1,
            max_position_embeddings=8,
        )
    )
    assert not np.array_equal(encoder.embeddings.words.numpy(), encoder.embeddings.positions.numpy())


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "products_bfloat16"])
def test_reduced_precisions_stay_near(precision, backbone, batch):
    config = EncoderConfig.from_huggingface(hub.read_config(backbone))
    encoder = Encoder(config, PRECISIONS[precision])
    load_encoder(encoder, hub.weight_file(backbone), read_arrays(hub.weight_file(backbone)))
    result = encoder(*batch())
    assert result.dtype.name == {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}.get(precision, "float32")
    np.testing.assert_allclose(result.numpy().astype(np.float32), loaded(backbone)(*batch()).numpy(), atol=0.06)


def test_a_row_of_padding_alone_stays_finite(backbone, batch):
    ids, segments, mask = batch()
    assert np.isfinite(loaded(backbone)(ids, segments, np.zeros_like(mask)).numpy()).all()
