"""The job scripts: by their own checkers, against the tables' rows, and run with stand-ins for the schedulers."""

import argparse
import functools
import importlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lce_tf import tables
from lce_tf.paper.rows import TABLES
from lce_tf.replication.items import PHASES as STAGES
from lce_tf.replication.items import items_of
from lce_tf.replication.presets import PRESETS

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
SCRIPTS = sorted(EXPERIMENTS.glob("*/*.sh"))
MANIFESTS = sorted(EXPERIMENTS.glob("kubernetes/*.yaml"))
IMAGES = [EXPERIMENTS / "Dockerfile", EXPERIMENTS / "serving" / "Dockerfile"]
FILES = [*SCRIPTS, *MANIFESTS, *IMAGES]
COMMAND = "python -m lce_tf.tables "


def name_of(path: Path) -> str:
    return str(path.relative_to(EXPERIMENTS))


def field(path: Path, name: str) -> str:
    found = re.search(rf"^# {name}: +(\S.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{path}: its header has no '# {name}:'"
    return found[1]


def parsed(command: str) -> argparse.Namespace:
    """The options of a command line that a header or the page shows, by the parser of its command."""
    name, options = re.fullmatch(r"(?:python -m lce_tf\.|lce )(\w+) (.*)", command).groups()
    return importlib.import_module(f"lce_tf.{name}").parser().parse_args(shlex.split(options))


def plan(*options: str) -> dict[str, int]:
    """Stage -> number of items, as the command prints them."""
    arguments = tables.parser().parse_args(list(options))
    chosen = list(TABLES.values()) if arguments.table == "all" else [TABLES[arguments.table]]
    found = items_of(chosen, PRESETS[arguments.preset], arguments.seeds)
    return {stage: len(items) for stage, items in found.items()}


def program(folder: Path, name: str, text: str) -> Path:
    """An executable stand-in in a folder that goes to the front of PATH."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def call(*command, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LCE_PYTHON": sys.executable}
    return subprocess.run(
        command, env={**environment, **variables}, cwd=ROOT, text=True, capture_output=True, timeout=120
    )


def test_everything_is_looked_at():
    assert {name_of(path) for path in FILES} == {
        str(path.relative_to(EXPERIMENTS)) for path in EXPERIMENTS.rglob("*") if path.suffix in (".sh", ".yaml", "")
        and path.is_file()
    }  # fmt: skip
    assert {"slurm", "kubernetes", "tpu"} <= {path.parent.name for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_shellcheck(script):
    checker = Path(sys.executable).with_name("shellcheck")
    found = subprocess.run([checker, "--severity=style", script], text=True, capture_output=True)
    assert found.returncode == 0, found.stdout
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_headers(file):
    assert field(file, "Time") and field(file, "Cost")
    arguments = parsed(field(file, "Command"))
    if file.stem in STAGES:
        assert arguments.stage == file.stem


# Slurm


@pytest.fixture
def sbatch(tmp_path):
    """`sbatch` that writes its arguments down and numbers jobs from 101."""
    log = tmp_path / "calls"
    log.touch()
    text = f'#!/usr/bin/env bash\nprintf "%s\\n" "$(printf "%q " "$@")" >> {log}\necho $((100 + $(wc -l < {log})))\n'
    program(tmp_path, "sbatch", text)
    return lambda: [shlex.split(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("options", [("table3", "--seeds", "1,2"), ("all",)], ids=" ".join)
def test_slurm_arrays(tmp_path, sbatch, options):
    options = (*options, "--preset", "msmarco")
    done = call(
        EXPERIMENTS / "slurm/submit.sh", *options, folder=tmp_path, LOGS=str(tmp_path / "logs"), SBATCH_FLAGS="-p gpu"
    )
    assert done.returncode == 0, done.stderr
    counts = plan(*options)
    assert len(sbatch()) == len(STAGES)
    for number, (stage, job) in enumerate(zip(STAGES, sbatch(), strict=True)):
        script = job.index(f"experiments/slurm/{stage}.sh")
        flags, passed = job[:script], job[script + 1 :]
        assert tuple(passed) == options
        assert f"--array=0-{counts[stage] - 1}" in flags
        assert flags[-2:] == ["-p", "gpu"]
        assert [f for f in flags if "afterok" in f] == ([f"--dependency=afterok:{100 + number}"] if number else [])
        assert (EXPERIMENTS / f"slurm/{stage}.sh").read_text().splitlines()[-1] == (
            f'exec experiments/slurm/stage.sh {stage} "$@"'
        )


def test_slurm_submits_nothing_after_a_wrong_option(tmp_path, sbatch):
    done = call(EXPERIMENTS / "slurm/submit.sh", "table1", "--depth", "0", folder=tmp_path, LOGS=str(tmp_path))
    assert done.returncode == 2 and "--depth 0" in done.stderr
    assert sbatch() == []


WORKER = """#!{python}
import pathlib, signal, sys, time
folder = pathlib.Path({folder!r})
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
(folder / "starting").write_text(" ".join(sys.argv[1:]))
(folder / "starting").rename(folder / "ready")
end = time.monotonic() + 30
while not got and not (folder / "finish").exists() and time.monotonic() < end:
    time.sleep(0.02)
time.sleep(0.5)  # the step in progress, in which a second signal would be seen
(folder / "signals").write_text(str(len(got)))
sys.exit({status})
"""


def stage_job(folder: Path, action, status: int, **variables: str):
    """(exit status, signals that the worker saw, arguments of `scontrol`) of stage.sh; `action` acts once it runs."""
    worker = program(folder, "worker", WORKER.format(python=sys.executable, folder=str(folder), status=status))
    program(folder, "scontrol", f'#!/usr/bin/env bash\necho "$@" >> {folder}/requeued\n')
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LCE_PYTHON": str(worker)}
    environment |= {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", **variables}
    job = subprocess.Popen([EXPERIMENTS / "slurm/stage.sh", "train", "table1", "--seeds", "1"], env=environment)
    end = time.monotonic() + 30
    while not (folder / "ready").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (folder / "ready").read_text() == "-m lce_tf.tables table1 --seeds 1 --stage train"
    action(job)
    code = job.wait(30)
    requeued = folder / "requeued"
    return code, int((folder / "signals").read_text()), requeued.read_text() if requeued.exists() else ""


def test_slurm_time_limit_saves_and_queues_again(tmp_path):
    found = stage_job(tmp_path, lambda job: job.send_signal(signal.SIGUSR1), 130)
    assert found == (130, 1, "requeue 7_3\n")


def test_slurm_time_limit_when_the_work_is_done_anyway(tmp_path):
    assert stage_job(tmp_path, lambda job: job.send_signal(signal.SIGUSR1), 0) == (0, 1, "")


def test_slurm_requeues_have_an_end(tmp_path):
    found = stage_job(tmp_path, lambda job: job.send_signal(signal.SIGUSR1), 130, SLURM_RESTART_COUNT="100")
    assert found == (130, 1, "")


def test_slurm_sigterm_is_not_doubled(tmp_path):
    """Slurm signals the shell and its child; here the shell alone, so that what it passes on would be counted."""

    def act(job):
        job.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        (tmp_path / "finish").touch()

    assert stage_job(tmp_path, act, 130) == (130, 0, "")


@pytest.mark.parametrize("status", [0, 1, 2])
def test_slurm_passes_the_exit_status_on(tmp_path, status):
    assert stage_job(tmp_path, lambda job: (tmp_path / "finish").touch(), status) == (status, 0, "")


def test_slurm_reranks_shards(tmp_path):
    """As its header says: one index more than the array's last is the number of shards."""
    header = (EXPERIMENTS / "slurm/rerank_shards.sh").read_text().replace("\\\n#", "")
    last, options = re.search(r"^# Submit:  sbatch --array=0-(\d+) \S+/rerank_shards.sh +(.*)$", header, re.M).groups()
    assert parsed(f"lce rerank {options}").shard == str(int(last) + 1)
    worker = program(tmp_path, "worker", f'#!/usr/bin/env bash\necho "$@" > {tmp_path}/started\nexit 7\n')
    script = EXPERIMENTS / "slurm/rerank_shards.sh"
    done = call(script, *shlex.split(options), folder=tmp_path, LCE_PYTHON=str(worker))
    assert done.returncode == 7
    assert shlex.split((tmp_path / "started").read_text()) == ["-m", "lce_tf.rerank", *shlex.split(options)]


@pytest.mark.parametrize(
    ("status", "variables", "requeued"),
    [
        (0, {}, ""),
        (2, {}, ""),
        (75, {}, "requeue 9\n"),
        (130, {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}, "requeue 7_3\n"),
        (130, {"SLURM_RESTART_COUNT": "100"}, ""),
    ],
)
def test_slurm_nodes_together(tmp_path, status, variables, requeued):
    program(tmp_path, "srun", f'#!/usr/bin/env bash\necho "$@" > {tmp_path}/started\nexit {status}\n')
    program(tmp_path, "scontrol", f'#!/usr/bin/env bash\necho "$@" >> {tmp_path}/requeued\n')
    script = EXPERIMENTS / "slurm/train_multi_node.sh"
    done = call(script, "table1", "--index", "3", folder=tmp_path, SLURM_JOB_ID="9", **variables)
    assert done.returncode == status
    _, _, module, *options = shlex.split((tmp_path / "started").read_text())[1:]
    arguments = tables.parser().parse_args(options)
    assert (module, arguments.stage, arguments.index) == ("lce_tf.tables", "train", 3)
    assert arguments.strategy == "multi_worker_mirrored"
    found = tmp_path / "requeued"
    assert (found.read_text() if found.exists() else "") == requeued


def test_slurm_nodes_that_were_told_to_stop_are_not_queued_again(tmp_path):
    program(tmp_path, "srun", "#!/usr/bin/env bash\nkill -TERM $PPID\nsleep 0.2\nexit 130\n")
    program(tmp_path, "scontrol", f"#!/usr/bin/env bash\ntouch {tmp_path}/requeued\n")
    done = call(EXPERIMENTS / "slurm/train_multi_node.sh", "table1", folder=tmp_path, SLURM_JOB_ID="9")
    assert done.returncode == 130 and not (tmp_path / "requeued").exists()


@pytest.mark.cluster
def test_slurm_chain(slurm, stub, tmp_path):
    """The whole chain of Table 4 on a real Slurm, its training stopped once as the time limit would."""
    stub[stub.index("--steps") + 1] = "2000"
    flags = {"SBATCH_FLAGS": "--gres=none --cpus-per-task=1 --mem=0", "LOGS": str(tmp_path / "logs")}
    flags["LCE_PYTHON"] = sys.executable
    submitted = slurm(str(EXPERIMENTS / "slurm/submit.sh"), "table4", *stub, **flags)
    train = re.search(r"train: job (\d+)", submitted)[1]
    figures = tmp_path / "out/models/lce-n32-dense/metrics.jsonl"
    slurm.until(lambda: figures.exists() or not slurm("squeue", "--noheader").strip(), "no training begins", 1800)
    slurm("scancel", "--signal=USR1", "--batch", f"{train}_0")
    slurm.wait(1800)
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    everything = "\n".join(f"{name}:\n{text}" for name, text in logs.items())
    assert len(logs) == sum(plan("table4", "--preset", "msmarco").values()), everything
    assert (tmp_path / "out/table4.md").is_file(), everything
    found = re.search(r"resumes from step (\d+)", logs[f"train.{train}_0.log"])
    # Saved at the step it was stopped at: checkpoints of its own accord come every 1,000 steps.
    assert found and int(found[1]) % 1000, everything
    # Each made once: `PATH: SECONDS s` is printed when a product is made, not when it is found.
    made = re.findall(r"^(\S+): [\d.]+ s$", everything, re.MULTILINE)
    assert len(made) == len(set(made)) == len(list((tmp_path / "out").glob("*/*.made.json"))), everything


@pytest.mark.cluster
def test_slurm_tasks_train_together(slurm, stub, tmp_path):
    """Two tasks of a real step find each other by what srun tells them."""
    data, backbone = (stub[stub.index(name) + 1] for name in ("--data-dir", "--backbone"))
    run = tmp_path / "train.trec"
    run.write_text("".join(f"{q} Q0 {p} {p + 1} {99 - p} t\n" for q in range(12) for p in range(20)))
    options = (
        f"--dataset {data} --run {run} --backbone {backbone} --group 2 --batch 2 --steps 4 --output {tmp_path}/out"
    )
    options += " --strategy multi_worker_mirrored --precision float32"
    said = slurm("srun", "--ntasks=2", sys.executable, "-m", "lce_tf.train", *options.split())
    assert all(f"worker {number} of 2, " in said for number in range(2)) and said.count("trained: ") == 2
    assert json.loads((tmp_path / "out/manifest.json").read_text())["replicas"] == 2
    assert (tmp_path / "out/model.safetensors").is_file()


# Kubernetes


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Options -> the documents that would be applied."""
    folder = tmp_path_factory.mktemp("kubernetes")

    @functools.cache
    def documents(*options) -> list[dict]:
        done = call(EXPERIMENTS / "kubernetes/submit.sh", *options, folder=folder, RENDER_ONLY="1")
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return documents


@pytest.mark.parametrize("manifest", MANIFESTS, ids=name_of)
def test_kubernetes_schema(manifest):
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: no schemas")
    # The oldest version with per-index limits switched on, and the newest.
    for version in ("1.29.0", checker.latest_version()):
        checker.validate(yaml.safe_load(manifest.read_text()), version, strict=True)


def test_kubernetes_schema_of_what_is_submitted(rendered):
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: no schemas")
    for document in rendered("table2", "--seeds", "1,2", "--preset", "msmarco"):
        checker.validate(document, checker.latest_version(), strict=True)


@pytest.mark.parametrize("stage", STAGES)
def test_kubernetes_manifest_is_table_1(stage):
    job = yaml.safe_load((EXPERIMENTS / f"kubernetes/{stage}.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    module, *options = container["args"]
    assert module == "lce_tf.tables"
    assert shlex.split(field(EXPERIMENTS / f"kubernetes/{stage}.yaml", "Command").removeprefix(COMMAND)) == options
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == plan(*options)[stage]
    (claim,) = [v for v in job["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in v]
    volume = yaml.safe_load((EXPERIMENTS / "kubernetes/volume.yaml").read_text())
    assert claim["persistentVolumeClaim"]["claimName"] == volume["metadata"]["name"]
    (mount,) = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == claim["name"]]
    paths = [e["value"] for e in container["env"]] + [options[options.index("--output") + 1]]
    assert all(path.startswith(f"{mount}/") for path in paths)


def test_kubernetes_reranks_shards():
    file = EXPERIMENTS / "kubernetes/rerank_shards.yaml"
    job = yaml.safe_load(file.read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert ["python", "-m", *container["args"]] == shlex.split(field(file, "Command"))
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == int(parsed(field(file, "Command")).shard)


@pytest.mark.parametrize("options", [("table2", "--seeds", "1,2"), ("all", "--output", "/lce/a|b & c")], ids=" ".join)
def test_kubernetes_jobs(rendered, options):
    options = (*options, "--preset", "msmarco")
    jobs = rendered(*options)
    counts = plan(*options)
    assert [job["metadata"]["name"] for job in jobs] == [f"lce-{stage}" for stage in STAGES]
    for stage, job in zip(STAGES, jobs, strict=True):
        assert job["spec"]["completions"] == job["spec"]["parallelism"] == counts[stage]
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["lce_tf.tables", *options, "--stage", stage]


@pytest.mark.parametrize("failing", [None, "train"])
def test_kubernetes_goes_stage_by_stage(tmp_path, failing):
    """A stand-in for kubectl under which an applied job is at once complete, or failed."""
    program(
        tmp_path,
        "kubectl",
        f"""#!/usr/bin/env bash
cd {tmp_path}
case "$1 $2" in
  "apply -f") if [ "$3" = - ]; then sed -n 's/^  name: //p' | tee -a applied > current; touch "$(cat current)"; fi ;;
  "get job") [ ! -e "$3" ] || case "$*" in
      *jsonpath*) if [ "$3" = lce-{failing} ]; then echo FailureTarget Failed; else echo Complete; fi ;;
      *) echo "job/$3" ;;
    esac ;;
  "delete job") rm "$3"; echo "deleted $3" >> applied ;;
esac
""",
    )
    script, lister = EXPERIMENTS / "kubernetes/submit.sh", program(tmp_path, "lister", "#!/bin/sh\necho 0\n")
    done = call(script, "table1", "--preset", "msmarco", folder=tmp_path, POLL="0.1", LCE_PYTHON=str(lister))
    begun = list(STAGES) if failing is None else list(STAGES[: STAGES.index(failing) + 1])
    assert (tmp_path / "applied").read_text().split() == [f"lce-{stage}" for stage in begun]
    assert done.returncode == (failing is not None), done.stderr
    assert (f"stage {failing} failed" in done.stderr) == (failing is not None)


# Cloud TPU


RECORDER = """#!/usr/bin/env bash
case "$*" in
  *--list-stage*) exec {python} "$@" ;;
  *) echo "$*" >> {log} ;;
esac
"""


def test_tpu_workers_share_the_items_out(tmp_path):
    log = tmp_path / "log"
    recorder = program(tmp_path, "recorder", RECORDER.format(python=sys.executable, log=log))
    options = ("table1", "--preset", "msmarco")
    for worker in range(2):
        variables = {"LCE_PYTHON": str(recorder), "WORKERS": "2", "WORKER": str(worker)}
        done = call(EXPERIMENTS / "tpu/vm.sh", *options, folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
    ran = [line.removeprefix("-m lce_tf.tables ") for line in log.read_text().splitlines()]
    expected = [
        f"{' '.join(options)} --strategy tpu --stage {stage} --index {index}"
        for stage, count in plan(*options).items()
        for index in range(count)
    ]
    assert sorted(ran) == sorted(expected)


def test_tpu_shutdown_reaches_the_training(tmp_path):
    text = WORKER.format(python=sys.executable, folder=str(tmp_path), status=130)
    listing = 'import sys\nif "--list-stage" in sys.argv:\n    print("0\\tx\\t")\n    sys.exit()\n'
    worker = program(tmp_path, "worker", text.replace("import pathlib", f"{listing}import pathlib"))
    environment = {**os.environ, "LCE_PYTHON": str(worker)}
    job = subprocess.Popen([EXPERIMENTS / "tpu/vm.sh", "table1"], env=environment)
    end = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 130
    assert (tmp_path / "signals").read_text() == "1"


# The image


def test_image_takes_torch_first():
    text = (EXPERIMENTS / "Dockerfile").read_text()
    steps = [text.index(part) for part in ('"$torch"', "-r requirements.lock", "'.[gpu]'")]
    assert steps == sorted(steps)
    # The manifests give arguments only, so that signals go through the image's first process.
    assert 'ENTRYPOINT ["tini", "--", "python", "-m"]' in text


@pytest.mark.parametrize("image", IMAGES, ids=name_of)
def test_images_copy_what_is_there(image):
    lines = re.findall(r"^COPY (.*) \S+$", image.read_text(), re.MULTILINE)
    copied = [source for line in lines for source in line.split()]
    assert "setup.cfg" in copied and all(list(ROOT.glob(source)) for source in copied)


def test_the_serving_image_starts_its_command():
    text = (EXPERIMENTS / "serving" / "Dockerfile").read_text()
    (entry,), (default,) = (re.findall(rf"^{name} (.*)$", text, re.MULTILINE) for name in ("ENTRYPOINT", "CMD"))
    assert " ".join(json.loads(entry) + json.loads(default)) == field(EXPERIMENTS / "serving" / "Dockerfile", "Command")
    assert "pip install -r requirements-serve.lock" in text


# The page


def test_docs_count_what_the_plan_counts():
    page = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| +(\d+) \| +(\d+) \|$", page, re.MULTILINE)
    one, every = plan("table1", "--preset", "msmarco"), plan("all", "--preset", "msmarco")
    assert [(stage, int(a), int(b)) for stage, a, b in rows] == [(stage, one[stage], every[stage]) for stage in STAGES]


def test_docs_commands_parse():
    page = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    commands = re.findall(rf"^{COMMAND}([^#\n]+)", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        tables.parser().parse_args(shlex.split(command))


def test_docs_commands_to_rerank_parse():
    page = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    section = page.partition("## Reranking one big run")[2].partition("\n## ")[0].replace("\\\n", "")
    commands = re.findall(r"^(lce [^#\n]+)", section, re.MULTILINE)
    last, options = re.search(r"--array=0-(\d+) \S+/rerank_shards.sh ([^)]*)\)", section).groups()
    shards = [parsed(command.strip()) for command in [*commands, f"lce rerank {options}"]]
    assert len(shards) == 7 and shards[-1].shard == str(int(last) + 1)
