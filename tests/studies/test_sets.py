"""Names of data sets, and what BEIR's evaluation leaves out."""

import pytest

from lce_tf.data.datasets import load_dataset
from lce_tf.data.irds import library
from lce_tf.errors import UserError
from lce_tf.studies.sets import GROUPS, KNOWN, TestSet, parse_sets


def test_every_known_name_is_one_that_ir_datasets_has():
    for one in (*KNOWN.values(), *GROUPS["nanobeir"], *GROUPS["beir"]):
        dataset = load_dataset(one.dataset)
        assert dataset.has_judged(one.split), one
    assert len(GROUPS["nanobeir"]) == len(GROUPS["beir"]) == 13
    assert "msmarco-passage-v2/trec-dl-2021/judged" in library().registry


def test_what_is_asked_for():
    found = parse_sets(["dl19", "pets=./mine:dev", "./mine:test", "pydocs", "beir/nfcorpus:test"])
    assert found == [
        TestSet("dl19", "msmarco-passage", "dl19"),
        TestSet("pets", "./mine", "dev"),
        TestSet("mine-test", "./mine", "test"),
        TestSet("pydocs", "pydocs", None),
        TestSet("beir-nfcorpus-test", "beir/nfcorpus", "test"),
    ]
    assert len(parse_sets(["nanobeir", "beir"])) == 26


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a:"], "--sets a:: give dl19, dl20"),
        ([":dev"], "--sets :dev: give dl19"),
        (["=a"], "--sets =a: give dl19"),
        (["x y=a"], "is no name for a folder"),
        (["dl19", "dl19"], "--sets: two sets are called dl19"),
        (["scifact=mine", "beir"], "--sets: two sets are called scifact"),
    ],
)
def test_what_is_no_set(texts, said):
    with pytest.raises(UserError) as refused:
        parse_sets(texts)
    assert said in str(refused.value)


def test_a_folder_whose_name_holds_an_equals_sign():
    (found,) = parse_sets(["./search/rate=1:dev"])
    assert (found.dataset, found.split) == ("./search/rate=1", "dev")
    (named,) = parse_sets(["mine=./search/rate=1:dev"])
    assert (named.name, named.dataset) == ("mine", "./search/rate=1")
