"""The environment that the tests, and every program that they start, run in."""

import re
from collections.abc import MutableMapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Variables that make passes to its commands, and variables that affect a pytest, git or Python started by a test. With
# them a make started by a test would run as part of the outer one: it would inherit options and variables, and print
# the folder it enters.
NAMES = {
    "MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKEFILES", "MAKE_TERMOUT", "MAKE_TERMERR",
    "PYTEST_ADDOPTS", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "TF_CONFIG", "JOB_COMPLETION_INDEX",
}  # fmt: skip
PREFIXES = ("SLURM", "SBATCH_", "GIT_", "LCE_")


def makefile_variables() -> set[str]:
    """Names of the variables that the Makefile also reads from the environment."""
    return set(re.findall(r"^(\w+) \?=", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def clean(environment: MutableMapping[str, str]) -> None:
    """Makes the environment the same whoever starts the tests: a shell, make or a cluster's job.

    Variables that affect the programs started by tests are removed, and PYTHONPATH begins with the checkout, so that a
    Python in another folder imports the code that is tested.
    """
    for name in [name for name in environment if name in NAMES | makefile_variables() or name.startswith(PREFIXES)]:
        del environment[name]
    environment["PYTHONPATH"] = ":".join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
