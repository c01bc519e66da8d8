import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.cross_encoder import CrossEncoder, segments_and_mask
from lce_tf.model.precision import PRECISIONS

CONFIG = EncoderConfig(
    vocab_size=40,
    embedding_size=16,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=32,
    max_position_embeddings=64,
)
LENGTHS = np.array([17, 11, 6], np.int32)
TYPE_0_LENGTHS = np.array([7, 5, 3], np.int32)


def make(precision="float32", outputs=1):
    """A model whose weights are the same in every precision."""
    model = CrossEncoder(CONFIG, Scoring(outputs), PRECISIONS[precision])
    numbers = np.random.default_rng(4)
    for variable in model.trainable_variables:
        spread = 0.1 if len(variable.shape) > 1 else 0.02
        variable.assign(numbers.normal(1.0 if "gamma" in variable.name else 0.0, spread, variable.shape))
    return model


def packed(width=17):
    ids = np.zeros([3, width], np.int32)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = np.random.default_rng(row).integers(1, 40, length)
    return ids, TYPE_0_LENGTHS, LENGTHS


@pytest.fixture(scope="module")
def model():
    return make()


def test_segments_and_mask_by_hand():
    # [CLS] q q [SEP] p [SEP] and [CLS] q [SEP] p [SEP] with one token of padding, and the shortest pair there is.
    segments, mask = segments_and_mask(np.ones([3, 6], np.int32), np.array([4, 3, 2]), np.array([6, 5, 3]))
    assert mask.numpy().tolist() == [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]]
    assert segments.numpy().tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], [0, 0, 1, 0, 0, 0]]
    assert segments.dtype == mask.dtype == tf.int32


@pytest.mark.parametrize("outputs", [1, 2])
def test_head_is_equation_1(outputs):
    model = make(outputs=outputs)
    ids, firsts, lengths = packed()
    vectors = model.encoder(ids, *segments_and_mask(ids, firsts, lengths)).numpy()
    linear = model.head.linear
    expected = vectors @ linear.kernel.numpy() + linear.bias.numpy()
    logits = model.logits(ids, firsts, lengths)
    assert logits.shape == [3, outputs] and logits.dtype == tf.float32
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_a_score_does_not_depend_on_padding_or_on_the_batch(model):
    ids, firsts, lengths = packed()
    expected = model.logits(ids, firsts, lengths).numpy()
    np.testing.assert_allclose(model.logits(*packed(41)), expected, atol=1e-5)
    for row in range(3):
        alone = model.logits(ids[row : row + 1, : lengths[row]], firsts[row : row + 1], lengths[row : row + 1])
        np.testing.assert_allclose(alone[0], expected[row], atol=1e-5)
    turned = model.logits(ids[::-1], firsts[::-1], lengths[::-1]).numpy()
    np.testing.assert_allclose(turned[::-1], expected, atol=1e-5)
    junk = ids.copy()
    junk[1, 11:] = 39  # what stands in the padding is not read
    np.testing.assert_allclose(model.logits(junk, firsts, lengths), expected, atol=1e-5)


def test_scores_of_different_pairs_differ(model):
    values = model.logits(*packed()).numpy().ravel()
    assert len(set(values)) == 3
    ids, firsts, lengths = packed()
    assert not np.allclose(model.logits(ids, firsts + 1, lengths).numpy().ravel(), values, atol=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precisions(precision, model):
    seed = tf.constant([1, 2], tf.int32)
    reduced = make(precision)
    assert {v.dtype for v in reduced.variables} == {tf.float32}
    logits = reduced.logits(*packed())
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, model.logits(*packed()), atol=0.05)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(reduced.logits(*packed(), seed=seed) * [[1.0], [-2.0], [3.0]])
    gradients = tape.gradient(loss, reduced.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.logits(*packed(), seed=seed) * [[1.0], [-2.0], [3.0]])
    exact = tape.gradient(loss, model.trainable_variables)
    for variable, gradient, wanted in zip(reduced.trainable_variables, gradients, exact, strict=True):
        assert gradient is not None, variable.name
        gradient, wanted = tf.convert_to_tensor(gradient).numpy(), tf.convert_to_tensor(wanted).numpy()
        assert gradient.dtype == np.float32 and np.isfinite(gradient).all() and wanted.any(), variable.name
        assert np.linalg.norm(gradient - wanted) < 0.15 * np.linalg.norm(wanted) + 1e-3, variable.name


def test_dropout_is_a_function_of_the_seed(model):
    one, again, other = (model.logits(*packed(), seed=tf.constant(s)).numpy() for s in ([1, 2], [1, 2], [2, 2]))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other) and not np.allclose(one, model.logits(*packed()))


def test_every_dropout_has_a_site_of_its_own(model, monkeypatch):
    """The masks of two of the model's dropouts, or of the next slice of a batch, are never the same."""
    from lce_tf.model import dropout, padded
    from lce_tf.training.sliced_step import SITES

    sites = []

    def recording(shape, rate, seed, site, dtype):
        sites.append(site)
        return tf.ones(shape, dtype)

    for module in (dropout, padded):
        monkeypatch.setattr(module, "keep", recording)
    model.logits(*packed(), seed=tf.constant([1, 2]))
    assert len(sites) == len(set(sites)) == 2 + 3 * CONFIG.num_hidden_layers
    assert max(sites) < SITES


def test_is_saved_without_a_warning(model, tmp_path, recwarn, caplog):
    module = tf.Module()
    module.model = model
    signature = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
    module.serve = tf.function(lambda *inputs: {"logits": model.logits(*inputs)}, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    assert not [w for w in recwarn if "non-serializable" in str(w.message)]
    assert "non-serializable" not in caplog.text
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.serve(*map(tf.constant, packed()))["logits"], model.logits(*packed()), atol=1e-6)
