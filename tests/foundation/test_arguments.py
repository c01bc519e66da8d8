"""A command line that cannot be read, in one line with what was probably meant."""

import pytest

from lce_tf.foundation.arguments import CommandParser, parser_for


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


def test_an_option_that_took_the_positional_arguments_is_named(capsys):
    parser = CommandParser(prog="lce merge")
    parser.add_argument("output")
    parser.add_argument("--shards", nargs="+")
    for given, said in (
        ("--shards a b run", "output (--shards takes all values up to the next option; put -- before output); lce"),
        ("", "output; lce"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(given.split())
        assert f"error: the following arguments are required: {said} merge --help" in capsys.readouterr().err
    assert parser.parse_args("--shards a b -- run".split()).output == "run"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("bm25 --dpeth 3", "unrecognized arguments: --dpeth 3, did you mean --depth?; lce bm25 --help"),
        ("dense --poling=mean", "unrecognized arguments: --poling=mean, did you mean --pooling?; lce dense --help"),
        ("dense -pooling mean", "unrecognized arguments: -pooling mean, did you mean --pooling?; lce dense --help"),
        ("bm25 --pooling mean", "unrecognized arguments: --pooling mean; lce bm25 --help"),
    ],
)
def test_a_subcommands_options_are_named_too(capsys, given, said):
    parser = CommandParser(prog="lce")
    methods = parser.add_subparsers(dest="method", required=True)
    methods.add_parser("bm25").add_argument("--depth", type=int)
    methods.add_parser("dense").add_argument("--pooling")
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(given.split())
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"error: {said} shows the options\n"
