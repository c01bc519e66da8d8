"""The tests start programs in the same environment whoever starts the tests; .ci/run starts them as the README does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import clean, makefile_variables

ROOT = Path(__file__).parents[1]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_what_steers_other_programs_is_removed_and_the_rest_kept():
    kept = {"PATH": "/bin", "HOME": "/home/me", "PIP_INDEX_URL": "https://pypi.org/simple"}
    steering = {"MAKEFLAGS": "w -- PRESET=smoke", "MAKELEVEL": "1", "PRESET": "smoke", "VENV": "x", "SLURM_JOB_ID": "7"}
    environment = {**kept, **steering, "LCE_CACHE": "/cache", "PYTHONPATH": "/mine"}
    clean(environment)
    assert environment == {**kept, "PYTHONPATH": f"{ROOT}:/mine"}


def test_every_variable_of_the_makefile_counts():
    assert {"PYTHON", "VENV", "PRESET", "SLOW", "EXTRA_INDEX"} <= makefile_variables()


@needs_make
def test_a_test_that_starts_make_passes_under_make_with_variables(tmp_path):
    test = "tests/replication/test_msmarco.py::test_make_hands_the_folder_on"
    (tmp_path / "Makefile").write_text(f"outer:\n\t@{sys.executable} -m pytest -q -p no:cacheprovider {test}\n")
    command = ["make", "-w", "-f", str(tmp_path / "Makefile"), "PRESET=smoke", "SEEDS=1,2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def readme_commands() -> list[str]:
    """The commands of the README's section "Two commands", without their comments."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Two commands")[2].partition("\n## ")[0]
    [block] = re.findall(r"```bash\n(.*?)```", section, re.S)
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def test_ci_starts_the_readme_s_test_command_letter_for_letter():
    table, test = readme_commands()
    assert (table, test) == ("make table1", "make test")
    commands = [line for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines() if "make " in line]
    first, then = [line for line in commands if not line.startswith("#")]
    assert first == test and then.startswith("make test-slow MINUTES=")


def test_ci_starts_make_in_a_clean_environment(tmp_path):
    stand_in = tmp_path / "bin" / "make"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\n{{ echo "arguments=$*"; env; echo; }} >>{tmp_path}/calls\n')
    stand_in.chmod(0o755)
    outer = {"MAKEFLAGS": "w --no-print-directory", "MAKELEVEL": "2", "MFLAGS": "-w", "VENV": "mine"}
    environment = {**os.environ, **outer, "TMPDIR": str(tmp_path), "PATH": f"{stand_in.parent}:{os.environ['PATH']}"}
    subprocess.run([ROOT / ".ci/run"], env=environment, check=True)
    calls = [dict(line.split("=", 1) for line in call.splitlines() if "=" in line)
             for call in (tmp_path / "calls").read_text().strip().split("\n\n")]  # fmt: skip
    assert [call["arguments"] for call in calls] == ["test", "test-slow MINUTES=23"]
    for call in calls:
        assert not {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH"} & set(call)
        assert Path(call["VENV"]).parent == Path(call["LCE_CACHE"]).parent
    assert not Path(calls[0]["VENV"]).parent.exists()
