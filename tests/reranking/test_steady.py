"""A pair's score is bitwise the same whatever else is scored with it, on every processor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.reranking import steady
from lce_tf.reranking.chunks import Chunks
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.layout import by_width
from lce_tf.reranking.merge import merge
from lce_tf.reranking.rerank import rerank
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.shards import Shard

HERE = steady.processor()
WAYS = [
    (engine, precision, outputs)
    for engine, precisions in (("openvino", ("float32", "bfloat16", "int8")), ("tensorflow", ("float32", "bfloat16")))
    for precision in precisions
    for outputs in (1, 2)
]


# Batches that are filled up have one shape a width, so that two logits are computed as one is.
BATCHES = [
    pytest.param(other, *way, marks=pytest.mark.slow if other and way[2] == 2 else (), id="-".join(map(str, named)))
    for other in (False, True)
    for way in WAYS
    for named in [("filled up" if other else "batches as this processor has them", *way, HERE)]
]


@pytest.mark.parametrize(("other", "engine", "precision", "outputs"), BATCHES)
def test_a_score_does_not_depend_on_what_else_is_asked_for(
    checkpoints, packer, pairs, monkeypatch, engine, precision, outputs, other
):
    if other:  # as on processors that no test has run on
        monkeypatch.setattr(steady, "STEADY", {})
    opened = open_engine(checkpoints[outputs], engine, precision)
    assert opened.steady
    opened.tokens = 512
    whole = score_pairs(opened, packer, *pairs)
    assert whole.shape == (720, outputs) and np.isfinite(whole).all() and len(np.unique(whole)) > 500
    rng = np.random.default_rng(2)
    for size in (1, 2, 9, 100, 300, 719, 720):
        some = rng.permutation(720)[:size]
        part = score_pairs(opened, packer, pairs[0][some], pairs[1][some])
        assert part.tobytes() == whole[some].tobytes()


def test_only_processors_that_were_tried_have_batches_of_any_size(checkpoints, packer, pairs, monkeypatch):
    few = pairs[0][:3], pairs[1][:3]
    for feature, precision, filled in (
        ("avx2", "float32", False), ("avx2", "bfloat16", True),
        ("avx512_bf16", "bfloat16", False), ("amx_tile", "float32", False),
        ("amx_tile", "bfloat16", True), ("amx_tile", "int8", True), ("other", "float32", True),
    ):  # fmt: skip
        monkeypatch.setattr(steady, "processor", lambda feature=feature: feature)
        opened = open_engine(checkpoints[1], "openvino", precision)
        sizes = {len(packed.lengths) for _, packed in opened.batches(packer, *few)}
        # By sixes at a width of 40 with AVX2, and else as many as there are.
        assert (max(sizes) > 6) == filled
        filled_sizes = [len(packed.lengths) for _, packed in by_width(packer, *few, opened.tokens, steady.WHOLE)]
        assert not filled or sizes == set(filled_sizes)


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_bf16\n", "amx_tile"),
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", "avx512_vnni"),
        ("flags\t\t: fpu avx2\nflags : avx512f\n", "avx2"),
        ("Features\t: fp asimd\n", "other"),
        ("", "other"),
    ],
)
def test_the_processor_s_features(tmp_path, text, feature):
    (tmp_path / "cpuinfo").write_text(text)
    assert steady.processor(tmp_path / "cpuinfo") == feature
    assert steady.processor(tmp_path / "nothing") == "other"


def test_a_killed_and_a_sharded_job_write_the_same_bytes(config, monkeypatch):
    """Where batches are filled up, as on a processor that no test has run on."""
    monkeypatch.setattr(steady, "STEADY", {})
    whole = replace(config, precision="bfloat16", engine="openvino")
    rerank(whole)
    expected = Path(whole.output).read_bytes(), np.load(f"{whole.output}.scores.npz")["scores"].tobytes()
    again = replace(whole, output=f"{whole.output}.again")
    write = Chunks.write

    def killed(self, number, logits):
        if number == 2:
            raise KeyboardInterrupt
        write(self, number, logits)

    with monkeypatch.context() as patch:
        patch.setattr(Chunks, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            rerank(again)
    rerank(again)
    parted = replace(whole, output=f"{whole.output}.parted")
    for index in range(2):
        rerank(replace(parted, shard=Shard(index, 2)))
    merge(parted.output)
    for output in (again.output, parted.output):
        assert (Path(output).read_bytes(), np.load(f"{output}.scores.npz")["scores"].tobytes()) == expected
