import pytest

from lce_tf.errors import UserError
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.presets import PRESETS, PYDOCS, SMOKE


def test_presets_are_named_by_themselves():
    assert all(preset.name == name for name, preset in PRESETS.items()) and {"pydocs", "smoke"} <= set(PRESETS)
    # Enough queries for the test to have power, and no more than are retrieved to rerank.
    assert (PYDOCS.queries or 1000) >= 600 and PYDOCS.depth <= PYDOCS.candidates == 1000
    assert SMOKE.share < 1 and SMOKE.dataset == "pydocs"


def test_flags_override_the_preset_and_its_training():
    changed = PYDOCS.override(queries=50, depth=20, steps=7, batch=2, learning_rate=1e-3, backbone="mine")
    assert (changed.queries, changed.depth, changed.backbone) == (50, 20, "mine")
    assert (changed.training.steps, changed.training.batch, changed.training.backbone) == (7, 2, "mine")
    assert changed.training.learning_rate == 1e-3 and PYDOCS.training.steps != 7
    assert PYDOCS.override(queries=None, steps=None) == PYDOCS
    assert PYDOCS.override(dataset="folder").dataset == "folder"
    assert PYDOCS.override(strategy="tpu", tpu="pod").training.tpu == "pod"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"queries": 1}, "--queries 1: a paired t-test needs 2 or more"),
        ({"queries": 0}, "--queries 0"),
        ({"depth": 0}, "--depth 0: give 1 to 1000"),
        ({"depth": 1001}, "--depth 1001: give 1 to 1000"),
        ({"steps": 0}, "--steps 0"),
        ({"batch": -1}, "--batch -1"),
        ({"learning_rate": 2.0}, "--learning-rate 2.0"),
        ({"precision": "int4"}, "--precision 'int4'"),
        ({"devices": -1}, "--devices"),
        ({"tpu": "pod"}, "--tpu pod: --strategy mirrored uses none"),
    ],
)
def test_bad_flags_are_one_line(flags, message):
    with pytest.raises(UserError, match=message) as caught:
        PYDOCS.override(**flags)
    assert "\n" not in str(caught.value)


def test_rows_take_the_same_number_of_groups_and_single_pairs_as_many_as_n_2():
    def steps(preset):
        of = {group: preset.training_of(Checkpoint("bm25", "lce", group)) for group in (2, 4, 8, 32)}
        return {group: (config.batch, config.batch * group) for group, config in of.items()}

    assert steps(PYDOCS) == {2: (4, 8), 4: (4, 16), 8: (4, 32), 32: (4, 128)}
    assert steps(PYDOCS.override(batch=2)) == {2: (4, 8), 4: (2, 8), 8: (2, 16), 32: (2, 64)}
    single = PYDOCS.training_of(Checkpoint("bm25", "ce", 1))
    assert (single.batch, single.pairs) == (8, 8 * single.steps)
    assert PYDOCS.override(step_pairs=0, batch=16).training_of(Checkpoint("bm25", "ce", 1)).batch == 16
