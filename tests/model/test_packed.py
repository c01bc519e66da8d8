"""Pairs that share rows: the scores and gradients of pairs that have one each, and no leak between neighbours."""

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.packed import PackedModel
from lce_tf.tokens.rows import PackedPairs, best_fit, end_to_end, rounded

PAIRS = 12


@pytest.fixture(scope="module", params=["linear", "dense", "pooler"])
def model(request):
    config = EncoderConfig(
        vocab_size=200,
        num_hidden_layers=2,
        hidden_size=32,
        embedding_size=16,
        intermediate_size=64,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    tf.random.set_seed(3)
    return CrossEncoder(config, Scoring(head=request.param, padding_segment=1))


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(4)
    lengths = rng.integers(8, 60, PAIRS)
    return [rng.integers(5, 200, length) for length in lengths], rng.integers(4, 7, PAIRS), lengths


def padded(pairs):
    texts, firsts, lengths = pairs
    ids = np.zeros((PAIRS, 64), np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    return [tf.constant(part, tf.int32) for part in (ids, firsts, lengths)]


def packed(pairs, width):
    texts, firsts, lengths = pairs
    starts, rows = best_fit(lengths, width) if width else (end_to_end(lengths), 0)
    tokens = rows * width if width else rounded(lengths.sum())
    ids, owners = np.zeros(tokens, np.int32), np.full(tokens, -1, np.int32)
    for pair, (start, text) in enumerate(zip(starts, texts, strict=True)):
        ids[start : start + len(text)], owners[start : start + len(text)] = text, pair
    columns = (ids, owners, starts, firsts, lengths, np.arange(PAIRS))
    return PackedPairs(*(tf.constant(column, tf.int32) for column in columns))


@pytest.mark.parametrize("width", [64, 128, None])
def test_logits_and_gradients_are_those_of_pairs_alone(model, pairs, width):
    with tf.GradientTape() as tape:
        expected = model.logits(*padded(pairs))
        loss = tf.reduce_sum(expected**2)
    gradients = tape.gradient(loss, model.trainable_variables)
    with tf.GradientTape() as tape:
        found = PackedModel(model, width, kernels=False).logits(packed(pairs, width))
        loss = tf.reduce_sum(found**2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for one, other in zip(tape.gradient(loss, model.trainable_variables), gradients, strict=True):
        one, other = tf.convert_to_tensor(one), tf.convert_to_tensor(other)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_neighbour_changes_no_bit(model, pairs):
    tokens = packed(pairs, 128)
    compute = tf.function(PackedModel(model, 128, kernels=False).logits, autograph=False)
    before = compute(tokens).numpy()
    ids = tokens.input_ids.numpy()
    ids[tokens.owners.numpy() == 3] = 7
    after = compute(tokens._replace(input_ids=tf.constant(ids))).numpy()
    assert (after[3] != before[3]).any()
    assert (np.delete(after, 3, 0) == np.delete(before, 3, 0)).all()


def test_masks_are_the_same_wherever_a_pair_lies(model, pairs):
    seed = tf.constant([7, 1])
    found = [
        PackedModel(model, width, kernels=False).logits(packed(pairs, width), seed).numpy() for width in (64, 128, None)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)
    assert abs(found[0] - model.logits(*padded(pairs)).numpy()).max() > 1e-4
