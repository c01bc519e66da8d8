"""The memory of a GPU, as a stand-in for nvidia-smi reports it, and a task's share of the machine's."""

import pytest

from lce_tf.foundation.footprint import machine_bytes
from lce_tf.training.memory import device_bytes

# Two cards of 16 and 80 GiB.
SMI = """#!/bin/sh
case "$*" in *"-i 1") echo 81920 ;; *"-i 0") echo 16384 ;; *"-i "*) exit 6 ;; *) echo 16384; echo 81920 ;; esac
"""


@pytest.mark.parametrize(
    ("visible", "gib"), [(None, 16), ("", 16), ("1", 80), ("1,0", 80), ("0", 16), ("MIG-unknown", 8)]
)
def test_the_memory_is_that_of_the_first_visible_card(tmp_path, monkeypatch, capsys, visible, gib):
    import tensorflow as tf

    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_bytes() == gib << 30
    assert ("8 GiB are assumed" in capsys.readouterr().err) == (gib == 8)


def test_tasks_that_run_at_once_share_the_machine_s(monkeypatch):
    whole = device_bytes()
    monkeypatch.setenv("LCE_TASKS_AT_ONCE", "2")
    assert whole == machine_bytes() and device_bytes() == whole // 2
