"""The index of an array, from the scheduler's variables."""

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.array_jobs import array_index


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({}, None),
        ({"SLURM_ARRAY_TASK_ID": ""}, None),
        ({"SLURM_ARRAY_TASK_ID": "0"}, 0),
        ({"JOB_COMPLETION_INDEX": "12"}, 12),
        ({"SLURM_ARRAY_TASK_ID": "3", "JOB_COMPLETION_INDEX": "3"}, 3),
    ],
)
def test_the_scheduler_says_which_index(environment, index):
    assert array_index(environment) == index


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"SLURM_ARRAY_TASK_ID": "1-3"}, "SLURM_ARRAY_TASK_ID=1-3: is no index"),
        ({"SLURM_ARRAY_TASK_ID": "1", "JOB_COMPLETION_INDEX": "2"}, "these differ"),
    ],
)
def test_a_strange_index_is_refused(environment, fault):
    with pytest.raises(UserError, match=fault):
        array_index(environment)


def test_the_message_names_the_option_that_helps():
    with pytest.raises(UserError, match="give --shard I/K"):
        array_index({"SLURM_ARRAY_TASK_ID": "x"}, "--shard I/K")
