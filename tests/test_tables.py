"""The tables command, and the smoke preset from end to end."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lce_tf import tables

ROOT = Path(__file__).parents[1]
SUFFIXES = ("md", "tex", "json", "png", "svg")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The calls of `replicate`, none of which is made."""
    calls = []

    class Report:
        setting = SimpleNamespace(submission=None)

        def markdown(self):
            return "the table"

    def replicate(*arguments):
        calls.append(arguments)
        return Report()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tables, "replicate", replicate)
    monkeypatch.setattr(tables, "jobs_for", lambda preset: 1)
    return calls


def test_defaults_are_the_pydocs_preset(asked, capsys):
    assert tables.main(["table1"]) == 0
    table, preset, output, seeds = asked[0]
    assert (table.name, preset, output, seeds) == ("table1", tables.PRESETS["pydocs"], "runs/pydocs", None)
    shown, where, footprint = capsys.readouterr().out.splitlines()
    assert (shown, where) == ("the table", "written: runs/pydocs/table1.md, .tex, .json, .png, .svg")
    assert footprint.endswith("GB of memory at most")


def test_flags_override(asked):
    flags = "--preset smoke --output here --seeds 1,2,3 --queries 30 --depth 5 --steps 2 --batch 4 --xla"
    assert tables.main(["table1", *flags.split()]) == 0
    _, preset, output, seeds = asked[0]
    assert (preset.queries, preset.depth, preset.training.steps, output, seeds) == (30, 5, 2, "here", (1, 2, 3))
    assert preset.training.xla and preset.name == "smoke"


def test_further_sets(asked):
    assert tables.main(["table1", "--also", "test,beir/scifact/test"]) == 0
    assert tables.main(["table1", "--preset", "msmarco"]) == 0
    assert tables.main(["table1", "--preset", "msmarco", "--also", "none"]) == 0
    found = [(preset.also, preset.also_asked) for _, preset, *_ in asked]
    assert found == [(("test", "beir/scifact/test"), True), (("dl19", "dl20"), False), ((), True)]
    with pytest.raises(SystemExit):
        tables.main(["table1", "--also", ","])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--depth", "0"], "--depth 0: give 1 to 1000"),
        (["--plan", "--stage", "train"], "--plan, --stage, --list-stage: ask for different things"),
        (["--stage", "train", "--list-stage", "rerank"], "--plan, --stage, --list-stage: ask for different things"),
        (["--queries", "1"], "--queries 1"),
        (["--steps", "0"], "--steps 0"),
        (["--batch", "0"], "--batch 0"),
        (["--seeds", "1,1"], "--seeds: give one or more different"),
        (["--seeds", "1,-2"], "--seed -2"),
        (["--seeds", ","], "--seeds: give one or more different"),
        (["--jobs", "2", "--stage", "train"], "--jobs 2: is for making whole tables"),
        (["--jobs", "2", "--plan"], "--jobs 2: is for making whole tables"),
        (["--precision", "int4"], "--precision 'int4'"),
    ],
)
def test_bad_settings_are_one_line_before_any_work(asked, capsys, tmp_path, flags, message):
    assert tables.main(["table1", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert asked == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("table9", "invalid choice"),
        ("table1 --preset none", "invalid choice"),
        ("table1 --seeds one", "'one': give whole numbers"),
        ("table1 --bm25 0.9", "'0.9': give k1 and b, such as"),
        ("table1 --jobs 0", "'0': give a whole number above 0"),
        ("table1 --pairs-per-second 60", "'60': give two numbers from 0.001"),
        ("table1 --pairs-per-second 1e-320,1e300", "'1e-320,1e300': give two numbers from 0.001 to 10^9"),
        ("table1 --also ,", "',': give names with commas between, or none"),
        ("", "required"),
    ],
)
def test_argparse_refuses_with_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        tables.main(arguments.split())
    error = capsys.readouterr().err
    assert caught.value.code == 2 and "error: " in error and message in error


@pytest.mark.parametrize("output", ["file/out", "/proc/out"])
def test_an_output_that_cannot_be_made(tmp_path, monkeypatch, capsys, output):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert tables.main(["table1", "--preset", "smoke", "--output", output]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{output}: cannot be made a folder" in error


def test_help_shows_an_example_that_parses(capsys):
    with pytest.raises(SystemExit) as caught:
        tables.main(["--help"])
    assert caught.value.code == 0 and tables.EXAMPLE in capsys.readouterr().out
    assert tables.parser().parse_args(shlex.split(tables.EXAMPLE.splitlines()[0])[3:]).preset == "smoke"


@pytest.mark.slow
def test_the_smoke_preset_from_end_to_end(tmp_path):
    folder = tmp_path / "smoke"
    # In processes of its own, as a user has it; in this one are the graphs of a thousand tests.
    command = [sys.executable, "-m", "lce_tf.tables", "table1", "--preset", "smoke", "--output", str(folder)]
    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = json.loads((folder / "table1.json").read_text())
    measured = [row["label"] for row in found["rows"] if row["status"] == "measured"]
    assert measured == ["a", "b", *"12345678"] and found["significance"]["comparisons"] == 45
    assert (folder / "table1.md").read_text() in printed
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}
    assert {f"table1.{suffix}" for suffix in SUFFIXES} <= {path.name for path in before}
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = {path: (path.read_bytes(), path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}
    assert {path: content for path, (content, _) in after.items()} == {p: content for p, (content, _) in before.items()}
    written = {path.name for path in after if after[path] != before[path]}
    assert written <= {f"table1.{suffix}" for suffix in SUFFIXES}  # the report; nothing that it is made of
