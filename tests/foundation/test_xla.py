from lce_tf.foundation import xla


def test_flags_are_set_where_there_is_a_driver_and_the_user_s_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_triton_gemm=true --mine=1")
    xla.set_flags([tmp_path / "none"])
    assert xla.flags() == "--xla_gpu_enable_triton_gemm=true --mine=1"
    driver = tmp_path / "driver"
    driver.touch()
    xla.set_flags([tmp_path / "none", driver])
    flags = xla.flags().split()
    assert flags[:2] == ["--xla_gpu_enable_triton_gemm=true", "--mine=1"]
    assert "--xla_gpu_enable_cublaslt=true" in flags and "--xla_gpu_enable_triton_gemm=false" not in flags
