"""The index of this process in a job array, from the scheduler's environment variables."""

import os
from collections.abc import Mapping

from lce_tf.errors import UserError

INDEX_VARIABLES = {"Slurm": "SLURM_ARRAY_TASK_ID", "Kubernetes": "JOB_COMPLETION_INDEX"}


def array_index(environment: Mapping[str, str] | None = None, option: str = "--index") -> int | None:
    """The index that the scheduler gave this process; None outside an array.

    Args:
        option: the option that gives the index instead, for error messages.

    Raises:
        UserError: two schedulers disagree, or the variable holds no number.
    """
    environment = os.environ if environment is None else environment
    found = {name: environment[name] for name in INDEX_VARIABLES.values() if environment.get(name)}
    if len(set(found.values())) > 1:
        raise UserError(" and ".join(f"{k}={v}" for k, v in found.items()) + f": these differ; say which with {option}")
    for name, value in found.items():
        if not value.isdecimal():
            raise UserError(f"{name}={value}: is no index of an array; give {option}")
        return int(value)
    return None
