"""Small files under MS MARCO's official names, a tiny random ELECTRA, and a private single-node Slurm."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = (
    "river stone bridge lantern garden winter copper mirror basket thunder meadow candle harbour ladder orchard "
    "pepper saddle timber velvet whistle anchor barrel cinder dragon engine feather glacier hammer island jungle"
).split()
PASSAGES, QUERIES = 300, 12


def make_data(folder: Path) -> Path:
    """A collection under the official names: each query is two words of its one relevant passage."""
    draw = random.Random(3)
    folder.mkdir(parents=True)
    texts = [" ".join(draw.sample(WORDS, 6)) for _ in range(PASSAGES)]
    (folder / "collection.tsv").write_text("".join(f"{i}\t{text}\n" for i, text in enumerate(texts)))
    for number, split in enumerate(("train", "dev.small", "eval.small")):
        chosen = {number * 1000 + i: number * QUERIES + i for i in range(QUERIES)}
        queries = [
            f"{query}\t{' '.join(draw.sample(texts[passage].split(), 2))}\n" for query, passage in chosen.items()
        ]
        (folder / f"queries.{split}.tsv").write_text("".join(queries))
        if split != "eval.small":
            judged = [f"{query}\t0\t{passage}\t1\n" for query, passage in chosen.items()]
            (folder / f"qrels.{split}.tsv").write_text("".join(judged))
    return folder


def make_backbone(folder: Path) -> Path:
    """A random ELECTRA of one layer as transformers writes it."""
    import torch
    import transformers

    torch.manual_seed(1)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = transformers.ElectraConfig(
        vocab_size=len(vocabulary), embedding_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=512, initializer_range=0.2,
    )  # fmt: skip
    transformers.ElectraModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    return folder


def stub_options(folder: Path) -> list[str]:
    """Options of the tables' command with which the full chain takes seconds a job; makes what they name."""
    data, backbone = make_data(folder / "data"), str(make_backbone(folder / "backbone"))
    small = {"--data-dir": data, "--output": folder / "out", "--backbone": backbone, "--encoder": backbone}
    small |= {"--pooling": "mean", "--bm25": "0.82,0.68", "--steps": 4, "--batch": 2, "--depth": 10}
    small |= {"--precision": "float32", "--devices": 1, "--cited": "none"}
    return ["--preset", "msmarco", *(str(part) for pair in small.items() for part in pair)]


class Slurm:
    """munged, slurmctld and slurmd in the foreground of this process, with all their files in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o600)
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (folder / "slurm.conf").write_text(self._configuration())
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: list[subprocess.Popen] = []

    def start(self) -> "Slurm":
        """Returns once the node is idle."""
        self._daemon(
            "munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
            f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed",
        )  # fmt: skip
        self.until(lambda: (self.folder / "munge.socket").exists(), "munged opens no socket")
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-c")
        self.until(lambda: "idle" in self("sinfo", "--noheader", "--format=%T", check=False), "the node is not idle")
        return self

    def __call__(self, *command: str, check: bool = True, **variables: str) -> str:
        """The output of a command that talks to this Slurm."""
        found = subprocess.run(
            command, env={**self.environment, **variables}, cwd=ROOT, text=True, capture_output=True, check=False
        )
        assert not check or found.returncode == 0, f"{command}: {found.stdout}{found.stderr}"
        return found.stdout

    def wait(self, seconds: float) -> None:
        """Returns once nothing is queued or running."""
        self.until(lambda: not self("squeue", "--noheader").strip(), "jobs remain", seconds)

    def stop(self) -> None:
        """Cancels what is left and ends the daemons, last first."""
        self("scancel", "--user=" + str(os.getuid()), check=False)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()

    def _daemon(self, name: str, *arguments: str) -> None:
        program = shutil.which(name) or f"/usr/sbin/{name}"
        with open(self.folder / f"{name}.out", "wb") as log:
            self.daemons.append(
                subprocess.Popen(
                    [program, *arguments], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
                )
            )

    def until(self, true, otherwise: str, seconds: float = 30) -> None:
        """Returns once `true()` holds; fails with the daemons' output otherwise."""
        end = time.monotonic() + seconds
        while not true():
            logs = "".join(f"\n{log}:\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.out")))
            assert time.monotonic() < end, f"{otherwise} after {seconds} s{logs}"
            time.sleep(0.5)

    def _configuration(self) -> str:
        host, here, user = socket.gethostname().partition(".")[0], self.folder, os.environ.get("USER") or "root"
        return f"""\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AuthType=auth/munge
# A job that is queued again may start after this many seconds rather than after two minutes.
AuthInfo=socket={here}/munge.socket,cred_expire=5
StateSaveLocation={here}/state
SlurmdSpoolDir={here}/spool
SlurmctldPidFile={here}/slurmctld.pid
SlurmdPidFile={here}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def slurm(tmp_path):
    """A running Slurm, ended with the test."""
    if shutil.which("sbatch") is None:
        pytest.skip("no sbatch: on Debian and Ubuntu, apt install slurmctld slurmd slurm-client munge")
    # Sockets have short names, and pytest's folders long ones.
    cluster = Slurm(Path(f"/tmp/lce_slurm_{os.getpid()}"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture
def stub(tmp_path):
    """Options of a chain in small, after the table's name."""
    return stub_options(tmp_path)
