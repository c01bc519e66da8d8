from types import SimpleNamespace

import pytest

from lce_tf.model.config import EncoderConfig
from lce_tf.training import meters
from lce_tf.training.config import TrainConfig
from lce_tf.training.step import Taken


def test_flops_of_a_base_model_by_hand():
    # A token and layer: 2 * (4 * 768 ** 2 + 2 * 768 * 3072) = 14,155,776 for dense products, and 4 * 768 * 80 for
    # attention over 80 tokens; 12 layers; a backward pass is twice a forward one.
    by_hand = 3 * 1000 * 12 * (14_155_776 + 245_760)
    assert meters.training_flops(EncoderConfig(), 1000, 80) == by_hand


def test_peak_rates(monkeypatch):
    import tensorflow as tf

    assert meters.peak_flops(312) == 312e12
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["gpu"])
    for name, peak in (
        ("NVIDIA H200", 989.4e12),
        ("NVIDIA H200 NVL", 835.5e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("Unknown", None),
    ):
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu, name=name: {"device_name": name})
        assert meters.peak_flops() == pytest.approx(peak) if peak else meters.peak_flops() is None


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4e12),
        ("NVIDIA H100 NVL", 835.5e12),
        ("NVIDIA GH200 480GB", 989.4e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40", 181e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA A10G", None),
        ("NVIDIA RTX A4000", None),
    ],
)
def test_a_card_is_known_by_its_whole_word(device, peak):
    assert meters.known_peak(device) == peak


def test_rates_leave_the_time_of_evaluations_out(monkeypatch):
    now = 100.0
    monkeypatch.setattr(meters.time, "monotonic", lambda: now)
    meter = meters.Meter(TrainConfig(dataset="d", run="r", group=8, batch=4, peak_tflops=1.0), EncoderConfig())
    step = SimpleNamespace(strategy=SimpleNamespace(num_replicas_in_sync=1), objective=SimpleNamespace(masks=1))
    meter.add(Taken(1.0, 1.0, 1.0, 0.0, 1.0, 64.0), 1e-5)
    now = 101.0
    with meter.paused():
        now = 150.0
    meter.add(Taken(1.0, 1.0, 1.0, 0.0, 1.0, 64.0), 1e-5)
    now = 151.0
    found = meter.figures(step, SimpleNamespace(skipped=0))
    # 64 pairs and 128 wordpieces in two seconds.
    assert (found["pairs_per_second"], found["wordpieces_per_second"]) == (32.0, 64.0)
