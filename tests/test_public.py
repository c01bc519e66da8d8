"""The public API: the names that `lce_tf` exports, loaded on first use, in any order of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import lce_tf
from lce_tf.errors import UserError

ROOT = Path(__file__).parents[1]


def printed(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", lce_tf.__all__)
def test_every_public_name_is_there(name):
    assert getattr(lce_tf, name) is not None and callable(getattr(lce_tf, name)) or len(getattr(lce_tf, name))


def test_nothing_else_is():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        lce_tf.Nothing  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "from lce_tf import train; import lce_tf.train as program",
        "import lce_tf.train as program; from lce_tf import train",
        "import lce_tf.cli; import lce_tf.training.job; from lce_tf import train; import lce_tf.train as program",
    ],
)
def test_a_command_is_a_module_and_can_be_called_whichever_is_imported_first(code):
    check = "program.train = lambda config, output: print(config, output)"
    called = "train('config', 'output'); print(train is program, callable(program.main))"
    assert printed("-c", f"{code}; {check}; {called}") == ("config output\nTrue True\n")


# As `python -m` runs each of them, in one process.
HELP = """
import contextlib, runpy, sys
sys.argv[1:] = ["--help"]
for program in ("train", "rerank", "retrieve", "evaluate", "merge", "export"):
    with contextlib.suppress(SystemExit):
        runpy.run_module(f"lce_tf.{program}", run_name="__main__", alter_sys=True)
"""


def test_python_dash_m_still_works():
    assert "usage: " in printed("-m", "lce_tf.merge", "--help")
    assert printed("-c", HELP).count("usage: ") == 6


def test_calling_a_command_calls_its_function(tmp_path):
    with pytest.raises(UserError, match="--format 'png': known are hf, onnx, openvino, savedmodel"):
        lce_tf.export(tmp_path, tmp_path / "out", "png")
    run, qrels = tmp_path / "run.trec", tmp_path / "qrels.txt"
    run.write_text("q1 Q0 p1 1 2 x\nq1 Q0 p2 2 1 x\n")
    qrels.write_text("q1 0 p2 1\n")
    found = lce_tf.evaluate(lce_tf.EvaluateConfig((str(run),), qrels=str(qrels), measures=("MRR@10",)))
    assert found.values == {"run.trec": {"MRR@10": {"q1": 0.5}}}
    assert found.text().splitlines()[1].split() == ["run.trec", "0.5000"]


def test_every_command_in_the_namespace_takes_what_its_page_says():
    """A command's settings class, where it has one, is its function's only required argument."""
    import inspect

    configs = {
        name: getattr(lce_tf, name) for name in lce_tf.__all__ if name.endswith("Config") and name != "ScoreConfig"
    }
    for name, config in configs.items():
        module = getattr(lce_tf, name.removesuffix("Config").lower())
        function = getattr(module, module.__name__.rpartition(".")[2])
        first, *rest = inspect.signature(function).parameters.values()
        assert first.name == "config" and config.__name__ in str(first.annotation), name
        assert all(one.default is not one.empty or one.name == "output" for one in rest), name
