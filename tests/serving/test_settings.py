"""Impossible limits, and the sources of the token."""

from dataclasses import fields

import pytest

from lce_tf.errors import UserError
from lce_tf.serving.settings import Limits, read_token


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_limits_are_numbers_above_zero(field, value):
    with pytest.raises(UserError, match=f"^--{field.replace('_', '-')} .*: give "):
        Limits(**{field: value})


def test_zero():
    assert Limits(batch_wait_ms=0).batch_wait_ms == 0
    with pytest.raises(UserError, match="^--max-pairs 0: give a number above 0$"):
        Limits(max_pairs=0)


@pytest.mark.parametrize("field", ["max_body_mb", "timeout", "batch_wait_ms", "header_timeout"])
def test_no_time_or_size_is_beyond_what_is_waited_or_held(field):
    with pytest.raises(UserError, match=f"^--{field.replace('_', '-')} 1e.308: give .* below 1000000$"):
        Limits(**{field: 1e308})


def test_the_queue_holds_a_whole_request():
    with pytest.raises(UserError, match="^--max-queue-pairs 999: a request may have --max-pairs 1000; the queue"):
        Limits(max_queue_pairs=999)


def test_where_the_token_comes_from(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    assert read_token(None, {}) is None
    assert read_token(None, {"LCE_TOKEN": "from-variable"}) == "from-variable"
    assert read_token(str(tmp_path / "token"), {"LCE_TOKEN": "from-variable"}) == "from-file"


@pytest.mark.parametrize(
    ("token", "line"),
    [("", "holds no token; write one"), (" \n", "holds no token"), ("a b", "must be one word"), ("a\nb", "one word"),
     ("Zürich", "must be one word of ASCII"), ("a\0", "one word")],
)  # fmt: skip
def test_a_token_that_is_none_does_not_open_the_server(tmp_path, token, line):
    (tmp_path / "token").write_text(token)
    with pytest.raises(UserError, match=rf"token: .*{line}"):
        read_token(str(tmp_path / "token"), {})
    with pytest.raises(UserError, match=rf"^LCE_TOKEN: .*{line}"):
        read_token(None, {"LCE_TOKEN": token})
