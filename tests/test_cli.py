"""`lce` lists its commands, passes arguments and exit status through, and says what it does not know."""

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import lce_tf
from lce_tf import cli

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_lists_every_door_with_what_it_does(capsys, flag):
    assert cli.main([flag]) == 0
    out = capsys.readouterr().out
    for name, (_, description) in cli.COMMANDS.items():
        assert any(line.split(maxsplit=1) == [name, description] for line in out.splitlines())


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"lce_tf {lce_tf.__version__}\n"


def test_nothing_asked_is_an_error_that_shows_the_usage(capsys):
    assert cli.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("usage: lce ")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("trian", "error: no command 'trian'; did you mean 'train'?\n"),
        ("re-rank", "error: no command 're-rank'; did you mean 'rerank'?\n"),
        ("zzz", f"error: no command 'zzz'; choose one of {', '.join(cli.COMMANDS)}\n"),
    ],
)
def test_unknown_name_is_one_line_with_the_closest_match(capsys, name, line):
    assert cli.main([name, "--help"]) == 2
    captured = capsys.readouterr()
    assert captured.err == line and captured.out == ""


def test_a_door_gets_the_arguments_and_gives_the_status(monkeypatch):
    seen = []
    program = types.ModuleType("lce_tf_stub_command")
    program.main = lambda argv=None: seen.append((argv, sys.argv[0])) or 7
    monkeypatch.setitem(sys.modules, "lce_tf_stub_command", program)
    monkeypatch.setitem(cli.COMMANDS, "stub", ("lce_tf_stub_command", "for this test"))
    before = sys.argv[0]
    assert cli.main(["stub", "--depth", "10", "run.trec"]) == 7
    assert seen == [(["--depth", "10", "run.trec"], "lce stub")]
    assert sys.argv[0] == before


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_door_shows_defaults_and_an_example(capsys, name):
    module = cli.COMMANDS[name][0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")

    def help_of(*words: str) -> str:
        with pytest.raises(SystemExit) as stop:
            cli.main([name, *words, "--help"])
        assert stop.value.code == 0
        return capsys.readouterr().out

    out = help_of()
    example = re.search(rf"^ *\$? *(?:python -m {re.escape(module)}|lce {name})((?: [a-z]\w*)?) -", out, re.M)
    assert example, out
    assert "default" in help_of(*example[1].split())  # with the example's subcommand, where the command has some


def test_python_dash_m():
    command = [sys.executable, "-m", "lce_tf", "evalute"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no command 'evalute'; did you mean 'evaluate'?\n"
