"""Every random draw is a function of an explicit seed: two processes with other hash seeds draw the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Draws that keep a state of their own behind the caller's back, or take their seed from the clock.
STATEFUL = re.compile(
    r"np\.random\.(?!Generator|Philox|default_rng\(\w)\w+"
    r"|(?<!np\.)(?<!tf\.)\brandom\.(?!Random\(\w)\w+\("
    r"|tf\.random\.(?!stateless)\w+"
)

SCRIPT = """
import hashlib, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from experiments.bench.lengths import packer_of, pool_of
from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import SlicedBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.model.hashed_dropout import token_keys
from lce_tf.model.precision import PRECISIONS
from tests.training.conftest import make_backbone

digest = hashlib.sha256()
packer = packer_of(300, 60)
for replacement in (False, True):
    sampler = GroupSampler(pool_of(packer), 4, 7, replacement=replacement)
    for batches in (
        SlicedBatches(sampler, packer, 6),
        PackedBatches.planned(sampler, packer, 6, 1, 256, 4096, 20),
    ):
        for part in tf.nest.flatten(batches.batch(5)):
            digest.update(np.ascontiguousarray(part).tobytes())
digest.update(token_keys([3, 4], [1, 2], [0, 9]).numpy().tobytes())
model = checkpoint.from_backbone(str(make_backbone(Path(sys.argv[1]))), Scoring(2), PRECISIONS["float32"], seed=11)
for variable in model.variables:
    digest.update(variable.numpy().tobytes())
print(digest.hexdigest())
"""


def test_no_draw_has_a_hidden_state():
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for folder in ("lce_tf", "experiments")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if STATEFUL.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_two_processes_draw_the_same(tmp_path):
    drawn = set()
    for number in (1, 2):
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / str(number))]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        drawn.add(done.stdout.split()[-1])
    assert len(drawn) == 1
