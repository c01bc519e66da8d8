"""Records of products against what is asked for now."""

import functools
from dataclasses import asdict, replace

import pytest

from lce_tf.foundation import steps
from lce_tf.replication.made import WHEN_ABSENT, hashes
from lce_tf.training.config import TrainConfig

changed = functools.partial(steps.changed, assumed=WHEN_ABSENT)
CONFIG = TrainConfig(dataset="d", run="r", steps=7)


def test_equal_settings_and_differences():
    assert changed(asdict(CONFIG), asdict(CONFIG)) is None
    assert changed(asdict(replace(CONFIG, steps=8)), asdict(CONFIG)) == "steps 7, not 8"
    assert changed({"a": 1}, {"a": 1, "c": 2}) == "c 2, not None"


@pytest.mark.parametrize("name", [*asdict(CONFIG), "run_sha256", "collection", "split", "depth", "queries", "k1", "b"])
def test_a_record_may_lack_any_setting(name):
    """What was made before the setting was recorded, with its default where it has one."""
    settings = asdict(TrainConfig("d", "r")) | {"run_sha256": "ab", "collection": "c", "depth": 9, "queries": None}
    settings |= {"k1": 0.82, "b": 0.68, "prebuilt": None}
    assert changed(settings, {key: value for key, value in settings.items() if key != name}) is None
    assert changed(settings, {}) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k1": 0.9, "b": 0.68}, "k1 0.82, not 0.9"),
        ({"prebuilt": "index"}, "prebuilt None, not 'index'"),
        ({"head": "dense"}, "head 'linear', not 'dense'"),
    ],
)
def test_a_record_that_lacks_a_setting_stands_for_its_default(settings, message):
    assert changed(settings, {"collection": "c"}) == message


def test_hashes_follow_the_contents_alone():
    texts, qrels = {"q1": "one", "q2": "two"}, {"q1": {"p1": 1, "p2": 0}}
    found = hashes(texts, qrels)
    assert list(found) == ["queries_sha256", "qrels_sha256"] and all(len(value) == 64 for value in found.values())
    assert hashes(dict(reversed(texts.items())), {"q1": {"p2": 0, "p1": 1}}) == found
    assert hashes({**texts, "q2": "too"}, qrels)["queries_sha256"] != found["queries_sha256"]
    assert hashes(texts, {"q1": {"p1": 2, "p2": 0}})["qrels_sha256"] != found["qrels_sha256"]
    assert list(hashes(texts, None)) == ["queries_sha256"]
