"""What `--loss-options` takes, and refuses."""

import pytest
from hypothesis import strategies as st

from lce_tf.errors import UserError
from lce_tf.losses import LOSSES
from lce_tf.losses.options import described, options_of, read_options, written
from tests.properties.fuzz import fuzzed


def read(loss, text):
    return read_options(loss, LOSSES.about(loss), text)


def test_values_and_defaults():
    expected = {"weights": "ndcg2", "mu": 10.0, "sigma": 1.0, "k": 10}
    assert vars(read("lambda", "k=10, weights=ndcg2")) == expected
    assert read("lce", "").temperature == 1.0 and LOSSES["lce"]().option.temperature == 1.0
    assert LOSSES["lce"](temperature=0.5).option.temperature == 0.5


@pytest.mark.parametrize(
    ("loss", "text", "words"),
    [
        ("lce", "temprature=1", "--loss-options temprature=1: --loss lce has temperature; lce list losses"),
        ("hinge", "margin=1", "--loss-options margin=1: --loss hinge has none"),
        ("lce", "temperature", "--loss-options 'temperature': give NAME=VALUE"),
        ("lce", "temperature=warm", "--loss-options temperature=warm: 'warm' is not a number"),
        ("lce", "temperature=inf", "--loss-options temperature=inf: 'inf' is not a number"),
        ("lce", "temperature=0", "--loss-options temperature 0.0: give 0.001 or more, such as 0.5"),
        ("lce", "temperature=1,temperature=2", "temperature is given twice"),
        ("lambda", "k=1.5", "--loss-options k=1.5: '1.5' is not a whole number"),
        ("lambda", "weights=best", "--loss-options weights 'best': known are ndcg2++, ndcg2, lambdarank"),
        ("binary", "label_smoothing=1", "--loss-options label_smoothing 1.0: give a share of at least 0 and below 1"),
    ],
)
def test_refused(loss, text, words):
    with pytest.raises(UserError) as refused:
        read(loss, text)
    assert str(refused.value).startswith(words) or words in str(refused.value)


@pytest.mark.parametrize(("text", "same"), [("temperature=1", ""), ("temperature=.50", "temperature=0.5"), ("", "")])
def test_one_way_to_write_the_same_options(text, same):
    assert written(read("lce", text)) == same


@fuzzed(50, mu=st.floats(0, 1e9), k=st.integers(0, 1000), weights=st.sampled_from(["ndcg2", "ndcg2++"]))
def test_what_is_written_is_read_again(mu, k, weights):
    options = options_of(LOSSES.about("lambda"), mu=mu, k=k, weights=weights)
    assert vars(read("lambda", written(options))) == vars(options)


@pytest.mark.parametrize("loss", LOSSES)
def test_stated_options_are_those_of_the_layer_and_bounded(loss):
    stated = LOSSES.about(loss).options
    assert stated == LOSSES[loss].options
    for one in stated.values():
        assert one["help"] and ({"choices", "at_least", "above"} & set(one))
    assert (described(LOSSES.about(loss)) == "") == (not stated)
