"""The workers: TF_CONFIG and Slurm's variables, right and wrong."""

import json

import pytest

from lce_tf import train as program
from lce_tf.errors import UserError
from lce_tf.training.cluster import Cluster, find_cluster

TWO = ["a:1", "b:2"]


def tf_config(monkeypatch, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        ({"worker": TWO}, {"type": "worker", "index": 1}, Cluster(("a:1", "b:2"), 1)),
        ({"worker": TWO}, {"type": "worker", "index": "0"}, Cluster(("a:1", "b:2"), 0)),
        # The chief is the first worker, wherever it is named.
        ({"worker": TWO, "chief": ["c:3"]}, {"type": "chief", "index": 0}, Cluster(("c:3", "a:1", "b:2"), 0)),
        ({"worker": TWO, "chief": ["c:3"]}, {"type": "worker", "index": 1}, Cluster(("c:3", "a:1", "b:2"), 2)),
    ],
)
def test_tf_config(monkeypatch, cluster, task, expected):
    tf_config(monkeypatch, cluster, task)
    assert find_cluster() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"cluster": ', "TF_CONFIG: is not JSON (Expecting value, character 12)"),
        ("[]", "TF_CONFIG: has no 'cluster'"),
        ({"task": {"type": "worker", "index": 0}}, "TF_CONFIG: has no 'cluster'"),
        ({"cluster": {"worker": TWO}}, "TF_CONFIG: has no 'task'"),
        ({"cluster": {"worker": TWO}, "task": "worker"}, "TF_CONFIG: has no 'task'"),
        ({"cluster": {"worker": TWO, "ps": ["c:3"]}, "task": {"type": "ps", "index": 0}}, "cluster has 'ps'"),
        ({"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}, "worker is 'a:1'; give a list of"),
        ({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}, "worker is ['a']; give a list of"),
        ({"cluster": {"chief": TWO}, "task": {"type": "chief", "index": 0}}, "has 2 chiefs"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}, "names a:1 twice"),
        ({"cluster": {"worker": TWO}, "task": {"type": "evaluator", "index": 0}}, "task type 'evaluator' is none"),
        ({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": 2}}, "task index 2: give 0 to 1"),
        ({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": -1}}, "task index -1: give 0 to 1"),
        ({"cluster": {"worker": TWO}, "task": {"type": "worker"}}, "task index None: give 0 to 1"),
        (None, "nothing says who the workers are; start them with srun, or set TF_CONFIG="),
    ],
)
def test_what_tf_config_lacks_is_one_line(monkeypatch, capsys, tmp_path, text, message):
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text if isinstance(text, str) else json.dumps(text))
    options = ["--dataset", "d", "--run", "r", "--strategy", "multi_worker_mirrored", "--output", str(tmp_path / "out")]
    assert program.main(options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


def slurm(monkeypatch, **variables):
    """The environment of a task that srun started: number 3 of five on nodes n2 and n10, the second on n10."""
    step = {"PROCID": "3", "LOCALID": "1", "STEP_NUM_TASKS": "5", "STEP_NODELIST": "n[2,10]", "JOB_ID": "2003"}
    step |= {"STEP_TASKS_PER_NODE": "2,3"} | variables
    for name, value in step.items():
        if value is not None:
            monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURMD_NODENAME", "n10")


def test_slurm_by_node_and_place_on_it(monkeypatch):
    slurm(monkeypatch)
    # Job 2003 has the ports from 16384 + 3 * 8; nodes go by name, and "n10" comes before "n2".
    places = ("n10:16408", "n10:16409", "n10:16410", "n2:16408", "n2:16409")
    assert find_cluster() == Cluster(places, 1)


def test_tf_config_goes_before_slurm(monkeypatch):
    slurm(monkeypatch)
    tf_config(monkeypatch, {"worker": TWO}, {"type": "worker", "index": 1})
    assert find_cluster() == Cluster(("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"STEP_NUM_TASKS": None}, "SLURM_STEP_NUM_TASKS: is not set, so this is not a Slurm step; start it with"),
        ({"LOCALID": None}, "SLURM_LOCALID: is not set"),
        ({"STEP_NODELIST": None}, "SLURM_STEP_NODELIST not found in environment"),
        ({"STEP_NODELIST": "n[2"}, 'Invalid hostlist format "n\\[2"'),
        ({"STEP_TASKS_PER_NODE": "2,x"}, "Invalid tasks-per-node"),
        ({"STEP_NUM_TASKS": "6"}, "Requested 6 tasks but only 5 were assigned"),
        ({"STEP_NUM_TASKS": "many"}, "Slurm's variables do not say who the workers are"),
        ({"LOCALID": "3"}, "n10:16411 is none of the step's tasks"),
    ],
)
def test_what_slurm_lacks_is_one_line(monkeypatch, variables, message):
    slurm(monkeypatch, **variables)
    with pytest.raises(UserError, match=message) as caught:
        find_cluster()
    assert "\n" not in str(caught.value)
