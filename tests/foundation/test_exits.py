"""Exit statuses of every command: bad input, a reader that leaves, Ctrl-C."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.errors import LostWorker, UserError
from lce_tf.foundation.exits import NO_READER, guarded


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (UserError("run.trec:3: is torn"), 2, "error: run.trec:3: is torn\n"),
        (LostWorker("worker 1 ended"), 75, "error: worker 1 ended\n"),
        (KeyboardInterrupt(), 130, "interrupted; the same command continues from whatever was saved\n"),
        (OSError(28, "No space left on device", "out.trec"), 2, "error: out.trec: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe", "fifo"), 2, "error: fifo: Broken pipe\n"),
    ],
)
def test_what_is_raised_becomes_a_status_and_a_line(raised, status, said, capsys):
    def run():
        raise raised

    assert guarded(run) == status and capsys.readouterr().err == said


@pytest.mark.parametrize("command", ["-m lce_tf.evaluate", "-m lce_tf evaluate"])
def test_ctrl_c_during_imports_is_one_line(command, tmp_path):
    (tmp_path / "numpy.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n")
    # A job in the background ignores Ctrl-C, and so do its children.
    (tmp_path / "sitecustomize.py").write_text("import signal\nsignal.signal(2, signal.default_int_handler)\n")
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    there = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, *command.split(), "--help"], env=there, capture_output=True, text=True)
    assert done.returncode == 130 and done.stdout == ""
    assert done.stderr.startswith("interrupted") and done.stderr.count("\n") == 1


def test_ctrl_c_after_imports_is_the_commands_own():
    code = "import os, signal, sys; signal.signal(2, signal.default_int_handler); sys.argv[0] = '-m'; "
    code += "from lce_tf.foundation.exits import guarded; "
    code += "print(signal.getsignal(2) is signal.default_int_handler, flush=True); "
    code += "sys.exit(guarded(lambda: os.kill(os.getpid(), signal.SIGINT)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "False\n")
    assert done.stderr == "interrupted; the same command continues from whatever was saved\n"


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_of_stdout_that_leaves_is_no_error(lines):
    code = "import sys; from lce_tf.foundation.exits import guarded; "
    code += f"sys.exit(guarded(lambda: print('line\\n' * {lines})))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (NO_READER, "")
