"""A setting is one line: its option, its checks and its row in the table come from the field."""

import argparse
from dataclasses import dataclass

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.settings import add_options, check, defaults, from_options, having, setting, table
from lce_tf.training.config import TrainConfig


@dataclass(frozen=True)
class Config:
    name: str = setting()
    size: int = setting(3, "passages", at_least=1, recipe=True)
    share: float | None = setting(None, "of all", above=0, below=1, give="give a share", aliases=("--part-of",))
    kind: str = setting("a", "which", choices=lambda: ("a", "b"))
    fast: bool = setting(False, "quickly", part="machines")

    def __post_init__(self):
        check(self)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "--size 0: give 1 or more"),
        ({"share": 0.0}, "--share 0.0: give a share"),
        ({"share": 1.0}, "--share 1.0: give a share"),
        ({"share": float("nan")}, "--share nan: give a share"),
        ({"kind": "c"}, "--kind 'c': known are a, b"),
    ],
)
def test_a_value_out_of_bounds_is_one_line(settings, message):
    with pytest.raises(UserError) as caught:
        Config("x", **settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "--value nan: give a finite number"),
        ((1.0, float("inf")), "--value inf: give a finite number"),
        ((1, 1 << 31), "--value 2147483648: give a number below 2^31"),
    ],
)
def test_no_setting_is_infinite_or_no_number(value, message):
    @dataclass(frozen=True)
    class Free:
        value: object = setting(None, "anything")

    with pytest.raises(UserError) as caught:
        check(Free(value))
    assert str(caught.value) == message
    check(Free((1, 2**31 - 1, 0.5)))


def test_what_to_give_comes_from_the_bounds():
    @dataclass(frozen=True)
    class Rated:
        rate: float = setting(2.0, "of change", above=0, below=2)

    with pytest.raises(UserError, match="^--rate 2.0: give more than 0 and less than 2$"):
        check(Rated())


def test_options_of_a_class():
    parser = argparse.ArgumentParser()
    add_options(parser, Config, grouped=True)
    found = vars(parser.parse_args("--size 4 --part-of 0.5 --kind b --fast".split()))
    assert found == {"size": 4, "share": 0.5, "kind": "b", "fast": True}
    assert set(vars(parser.parse_args([])).values()) == {None}
    assert "machines:" in parser.format_help() and "passages (default: 3)" in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["--kind", "c"])


@dataclass(frozen=True)
class Length:
    steps: int = setting(3, "steps")
    batch: int = setting(4, "groups")
    epochs: float | None = setting(None, "epochs", instead_of="steps")


def test_of_two_settings_one_is_given_instead_of_the_other(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, Length, grouped=True)
    assert parser.parse_args("--epochs 2 --batch 5".split()).epochs == 2
    with pytest.raises(SystemExit):
        parser.parse_args("--epochs 2 --steps 5".split())
    assert "argument --steps: not allowed with argument --epochs" in capsys.readouterr().err
    alone = argparse.ArgumentParser()
    add_options(alone, Length, ["epochs", "batch"])
    assert alone.parse_args("--epochs 2 --batch 5".split()).epochs == 2


def test_options_filled_with_defaults():
    parser = argparse.ArgumentParser()
    add_options(parser, Config, ["size", "kind"], fill=True)
    assert vars(parser.parse_args([])) == {"size": 3, "kind": "a"}


@dataclass(frozen=True)
class Several:
    runs: tuple[str, ...] = setting(help="run files", many=True, positional=True, metavar="RUN")
    depths: tuple[int, ...] | None = setting((5, 10), "passages", many=True)


def test_options_with_many_values_and_without_a_flag():
    parser = argparse.ArgumentParser()
    add_options(parser, Several, fill=True)
    given = parser.parse_args(["--depths", "1", "2", "--", "a", "b"])
    assert from_options(Several, given) == Several(("a", "b"), (1, 2))
    assert from_options(Several, parser.parse_args(["a"])) == Several(("a",), (5, 10))
    with pytest.raises(SystemExit):
        parser.parse_args([])


def test_what_else_comes_of_the_fields():
    assert having(Config, "recipe") == ("size",) and having(TrainConfig, "place") == ("tpu", "peak_tflops")
    assert defaults(Config) == {"size": 3, "share": None, "kind": "a", "fast": False}
    assert "| `--share`, `--part-of` | `None` | of all |" in table(Config)
    assert "| `--kind` | `a` | which; one of `a`, `b` |" in table(Config)


def test_every_setting_of_a_training_says_what_it_means():
    told = {name for name, field in TrainConfig.__dataclass_fields__.items() if field.metadata.get("help")}
    assert set(TrainConfig.__dataclass_fields__) - told == {"dataset", "run", "split"}  # the commands say those
