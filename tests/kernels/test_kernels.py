"""The parts of the fused kernels that can be tested without a GPU: their files, and programs that contain them."""

import re

import pytest
import tensorflow as tf

from lce_tf.kernels import available, build, fused
from lce_tf.kernels.calls import params, rows_of


def test_the_files_are_those_of_the_source():
    assert (build.FOLDER / build.SOURCE).read_text().strip() == build.digest(), (
        "lce_tf/kernels/source.py has changed: run python -m lce_tf.kernels.build where Triton 3.4 is installed"
    )
    assert {file.stem for file in build.FOLDER.glob("*.ttir")} == set(build.KERNELS)
    for name, (kernel, _, _) in build.KERNELS.items():
        text = (build.FOLDER / f"{name}.ttir").read_text()
        assert f"tt.func public @{kernel}(" in text and "loc(" not in text


def hlo(compute, *operands):
    return tf.function(compute, jit_compile=True, autograph=False).experimental_get_compiler_ir(*operands)(stage="hlo")


def calls(text):
    """Kernel name -> how many custom calls of it a program has."""
    names = re.findall(r'custom_call_target="__gpu\$xla.gpu.triton".*?name = "(\w+)"', text)
    return {name: names.count(name) for name in names}


@pytest.mark.parametrize("half", [tf.float16, tf.bfloat16])
def test_a_training_program_has_each_kernel_and_its_gradient(half):
    tokens, heads = 128, 2
    keys, begin, end = (tf.zeros([tokens], tf.int32) for _ in range(3))
    x, weights = tf.zeros([tokens, 128], half), [tf.zeros([128])] * 3

    def compute(x, qkv, wide, bias):
        with tf.GradientTape() as tape:
            tape.watch([x, qkv, wide, bias])
            context = fused.attention(qkv, keys, begin, end, heads, 0.1, 1, training=True)
            normal = fused.residual_norm(x, context, *weights, keys, 0.1, 2, 1e-12)
            loss = tf.reduce_sum(normal) + tf.reduce_sum(fused.bias_gelu(wide, bias))
        return tape.gradient(loss, [x, qkv, wide, bias])

    text = hlo(compute, x, tf.zeros([tokens, 384], half), tf.zeros([tokens, 512], half), tf.zeros([512]))
    expected = ("attention_forward", "attention_backward", "norm_forward", "norm_backward", "gelu_backward")
    assert calls(text) == dict.fromkeys(expected, 1)
    # The IR's float16 is the compute dtype, everywhere.
    assert ("!tt.ptr<bf16>" in text) == (half == tf.bfloat16) and ("!tt.ptr<f16>" in text) == (half == tf.float16)


def test_scoring_asks_for_no_gradient_and_no_dropout():
    zeros = [tf.zeros([64], tf.int32)] * 3
    text = hlo(lambda qkv: fused.attention(qkv, *zeros, 1, 0.1, 1, training=False), tf.zeros([64, 192], tf.float16))
    assert calls(text) == {"attention_forward": 1}


def test_scalars_are_packed_as_the_source_reads_them():
    site, threshold, heads, size, rows, epsilon = params(7, 0.5, 12, 768, 4, 1e-12).numpy().tolist()
    assert (site, threshold, heads, size, rows) == (7, -(2**31), 12, 768, 4)
    assert tf.bitcast(tf.constant(epsilon), tf.float32).numpy() == pytest.approx(1e-12)
    assert [rows_of(tokens, 16) for tokens in (10752, 129, 7)] == [16, 3, 7]


def test_without_a_gpu_they_do_not_run(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    assert not available.works.__wrapped__()


@pytest.mark.parametrize(
    ("size", "heads", "precision", "fits"),
    [
        (768, 12, "mixed_float16", True),
        (384, 12, "mixed_bfloat16", True),
        (1024, 16, "mixed_float16", True),
        (768, 12, "float32", False),
        (312, 12, "mixed_float16", False),
        (2048, 32, "mixed_float16", False),
    ],
)
def test_models_that_they_fit(size, heads, precision, fits):
    from lce_tf.model.config import EncoderConfig
    from lce_tf.model.precision import PRECISIONS

    config = EncoderConfig(hidden_size=size, embedding_size=size, num_attention_heads=heads)
    assert available.fits(config, PRECISIONS[precision]) == fits


@pytest.mark.parametrize(("wide", "gelus"), [(512, 2), (256, 0)])
def test_a_training_step_is_one_program_with_the_kernels_of_every_layer(wide, gelus):
    from lce_tf.model.config import EncoderConfig
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.model.packed import PackedModel
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.tokens.rows import PackedPairs

    config = EncoderConfig(
        vocab_size=50,
        hidden_size=128,
        embedding_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=wide,
        max_position_embeddings=64,
    )
    model = CrossEncoder(config, precision=PRECISIONS["mixed_float16"])
    packed = PackedModel(model, None, kernels=True)
    tokens = [tf.zeros([128], tf.int32), tf.zeros([128], tf.int32), *[tf.zeros([4], tf.int32)] * 4]

    def compute(seed, *columns):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(packed.logits(PackedPairs(*columns), seed))
        return tape.gradient(loss, model.trainable_variables)

    found = calls(hlo(compute, tf.zeros([2], tf.int32), *tokens))
    # Attention, and two norms after the embeddings' own, in each of two layers.
    expected = {"attention_forward": 2, "attention_backward": 2, "norm_forward": 4, "norm_backward": 4}
    assert found == expected | ({"gelu_backward": gelus} if gelus else {})
