"""Exit statuses of every command: bad input, a reader that leaves, Ctrl-C."""

import os
import subprocess
import sys

import pytest

from lce_tf.errors import LostWorker, UserError
from lce_tf.foundation.exits import NO_READER, guarded


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (UserError("run.trec:3: is torn"), 2, "error: run.trec:3: is torn\n"),
        (LostWorker("worker 1 ended"), 75, "error: worker 1 ended\n"),
        (KeyboardInterrupt(), 130, "interrupted; the same command resumes from here\n"),
        (OSError(28, "No space left on device", "out.trec"), 2, "error: out.trec: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe", "fifo"), 2, "error: fifo: Broken pipe\n"),
    ],
)
def test_what_is_raised_becomes_a_status_and_a_line(raised, status, said, capsys):
    def run():
        raise raised

    assert guarded(run) == status and capsys.readouterr().err == said


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_of_stdout_that_leaves_is_no_error(lines):
    code = "import sys; from lce_tf.foundation.exits import guarded; "
    code += f"sys.exit(guarded(lambda: print('line\\n' * {lines})))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (NO_READER, "")
