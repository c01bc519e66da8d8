"""A command line that cannot be read, in one line with what was probably meant."""

import pytest

from lce_tf.foundation.arguments import parser_for


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--lerning-rate 3", "unrecognized arguments: --lerning-rate 3, did you mean --learning-rate?"),
        ("--learning-ratio=3", "unrecognized arguments: --learning-ratio=3, did you mean --learning-rate?"),
        ("--xyz", "unrecognized arguments: --xyz"),
        ("more", "unrecognized arguments: more"),
        ("--learning-rate x", "argument --learning-rate: invalid float value: 'x'"),
    ],
)
def test_a_wrong_command_line_is_one_line(capsys, given, said):
    parser = parser_for("train", "Trains.", "python -m lce_tf.train")
    parser.add_argument("--learning-rate", type=float)
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(given.split())
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"error: {said}; python -m lce_tf.train --help shows the options\n"
