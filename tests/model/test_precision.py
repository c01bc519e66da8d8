import pytest

from lce_tf.errors import UserError
from lce_tf.model import precision
from lce_tf.model.precision import PRECISIONS, cpu_has_bfloat16, resolve


@pytest.mark.parametrize(
    "flags, expected",
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16 amx_tile", True), ("fpu avx2 avx512f", False), ("", False)],
)
def test_cpu_has_bfloat16(flags, expected, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert cpu_has_bfloat16(tmp_path / "cpuinfo") is expected


def test_no_cpuinfo_means_no_bfloat16(tmp_path):
    assert cpu_has_bfloat16(tmp_path / "none") is False


@pytest.mark.parametrize(
    "device, has_bfloat16, expected",
    [
        ("gpu", False, "mixed_float16"),
        ("tpu", False, "mixed_bfloat16"),
        ("cpu", True, "products_bfloat16"),
        ("cpu", False, "float32"),
    ],
)
def test_auto(device, has_bfloat16, expected, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: has_bfloat16)
    assert resolve("auto", device) is PRECISIONS[expected]


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_name_is_taken_on_any_device(name):
    assert resolve(name, "cpu") == resolve(name, "gpu") == PRECISIONS[name]
    assert PRECISIONS[name].name == name


def test_unknown_name():
    with pytest.raises(UserError, match="precision 'float8': known are auto, float32, mixed_float16"):
        resolve("float8", "cpu")


def test_float32_is_no_tf32():
    import tensorflow as tf

    from lce_tf.model.precision import keep_float32

    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    before = enabled()
    try:
        tf.config.experimental.enable_tensor_float_32_execution(True)
        keep_float32(PRECISIONS["mixed_float16"])
        assert enabled()
        keep_float32(PRECISIONS["float32"])
        assert not enabled()
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
