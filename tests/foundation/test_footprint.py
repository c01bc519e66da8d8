"""What a command took: the process's own peak, and that of a child that held more."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.foundation import footprint
from lce_tf.foundation.footprint import Footprint, give_back, machine_bytes


def test_the_line():
    assert re.fullmatch(r"0 min \d+ s, \d+\.\d GB of memory at most", str(Footprint()))


def test_a_container_s_limit_counts(tmp_path, monkeypatch):
    limits = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"
    monkeypatch.setattr(footprint, "LIMITS", limits)
    whole = machine_bytes()
    limits[0].write_text("max\n")
    assert machine_bytes() == whole > 1 << 30
    limits[1].write_text(f"{1 << 30}\n")
    assert machine_bytes() == 1 << 30


def test_a_child_s_memory_counts():
    code = "import subprocess, sys; from lce_tf.foundation.footprint import Footprint; found = Footprint()"
    child = "subprocess.run([sys.executable, '-c', 'held = bytearray(300_000_000)'], check=True)"
    code = f"{code}; before = found.peak_bytes; {child}; print(before, found.peak_bytes)"
    # By way of a shell: a process counts what the one that it was forked from held.
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, code]
    before, after = map(int, subprocess.check_output(command, text=True).split())
    assert before < 300_000_000 <= after


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux")
def test_what_was_freed_is_given_back():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    held = [bytearray(2000) for _ in range(100_000)]
    del held[:-1]  # what is above keeps the C library from giving back what is below
    before = resident()
    give_back()
    assert resident() < before - 100_000_000 and len(held) == 1
