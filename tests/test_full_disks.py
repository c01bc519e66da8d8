"""Full and read-only disks, as real mounts: one line, exit status 2, and existing files stay as they were."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lce_tf import evaluate
from lce_tf.data.qrels import write_qrels
from lce_tf.data.runs import Run, write_msmarco, write_trec
from lce_tf.foundation.exits import guarded
from lce_tf.foundation.files import built_folder, write_json, written
from lce_tf.model import checkpoint
from lce_tf.reranking.chunks import Chunks
from lce_tf.reranking.outputs import write_reranked
from lce_tf.tokens.store import TokenStore

FILES = Path(__file__).parent / "files"
KILOBYTES = 256  # of the disk


def mount(*arguments) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def disk(tmp_path):
    """An empty file system of a few hundred kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", folder):
        pytest.skip("mounting a file system takes the rights of an administrator on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def run_of(rows: int) -> Run:
    names = np.arange(rows).astype("S")
    return Run.build(["q"], [0, rows], names, -np.arange(rows, dtype=np.float64))


def write_store(folder: Path, size: int) -> None:
    with built_folder(folder / "store") as scratch:
        np.save(scratch / "tokens.npy", np.zeros(size, np.int64))


def write_checkpoint(folder: Path, size: int) -> None:
    source = folder.parent / f"trained{size}"
    source.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        (source / name).write_bytes(b"x" * size * (8 if name == "model.safetensors" else 1))
    checkpoint.copy(source, folder / "checkpoint")


def scores(size: int) -> dict[str, np.ndarray]:
    return {"scores": np.random.default_rng(0).random(size)}


# (folder, how much) -> writes something of about 8 to 30 bytes times that into it.
WRITERS = {
    "run.trec": lambda folder, size: write_trec(run_of(size), folder / "run.trec"),
    "run.trec.gz": lambda folder, size: write_trec(run_of(size * 3), folder / "run.trec.gz"),
    "run.tsv": lambda folder, size: write_msmarco(run_of(size * 2), folder / "run.tsv"),
    "qrels.txt": lambda folder, size: write_qrels({"q": {f"p{i}": 1 for i in range(size)}}, folder / "qrels.txt"),
    "manifest.json": lambda folder, size: write_json(folder / "manifest.json", list(range(size * 2))),
    "store": write_store,
    "partial": lambda folder, size: Chunks(folder / "partial", {"chunk": 1 << 20}, size).write(
        0, np.zeros((size, 2), np.float32)
    ),
    "out.trec.scores.npz": lambda folder, size: write_reranked(
        run_of(2), scores(size), str(folder / "out.trec"), {"depth": size}
    ),
    "checkpoint/model.safetensors": write_checkpoint,
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, name: str, run, *args) -> str:
    """Checks that the call ends like a command with bad input, and returns its message."""
    capsys.readouterr()
    assert guarded(run, *args) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and name in said and "cannot be written" in said
    return said


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(disk, capsys, name):
    write = WRITERS[name]
    write(disk, 50)
    before = contents(disk)
    if name == "store":  # a folder that is there is kept, so this one must not be
        (disk / "store").rename(disk / "before")
        before = contents(disk)
    said = refused(capsys, name, write, disk, 40_000)
    assert "No space left on device" in said or "disk full?" in said
    assert contents(disk) == before, "what was there is no longer whole, or something was left behind"


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_disk(disk, capsys, name):
    write = WRITERS[name]
    write(disk, 50)
    assert mount("-o", "remount,ro", disk)
    before = contents(disk)
    if name == "checkpoint/model.safetensors":
        name = "checkpoint/"  # whichever file of it comes first
    assert "Read-only file system" in refused(capsys, name, write, disk, 60)
    assert contents(disk) == before


def test_what_fits_again_is_written_again(disk, capsys):
    """Room made, the same call succeeds."""
    (disk / "ballast").write_bytes(b"x" * 1024 * (KILOBYTES - 12))
    refused(capsys, "run.trec", write_trec, run_of(5000), disk / "run.trec")
    (disk / "ballast").unlink()
    write_trec(run_of(5000), disk / "run.trec")
    assert (disk / "run.trec").read_bytes().count(b"\n") == 5000 and len(contents(disk)) == 1


def test_a_door_on_a_full_disk(disk, capsys):
    (disk / "values.json").write_text("old")
    (disk / "ballast").write_bytes(b"x" * 1024 * (KILOBYTES - 8))
    call = ["--qrels", str(FILES / "dl19.qrels.txt.gz"), str(FILES / "dl19.bm25.trec.gz"), "--measures"]
    call += [f"RR@{cutoff}" for cutoff in range(1, 40)]
    assert evaluate.main([*call, "--per-query", str(disk / "values.json")]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and "values.json: cannot be written (No space left" in printed.err
    assert printed.out == "" and (disk / "values.json").read_text() == "old"
    assert sorted(path.name for path in disk.iterdir()) == ["ballast", "values.json"]


def test_a_token_store_on_a_full_disk(disk, capsys, monkeypatch):
    """The cache is full: nothing incomplete is used as a store later."""

    class Letters:
        key, size = "letters", 1 << 16

        def __call__(self, texts):
            return [[ord(letter) for letter in text] for text in texts]

    monkeypatch.setenv("LCE_CACHE", str(disk))
    texts = [(f"p{number}", "x" * 1000) for number in range(200)]
    refused(capsys, "tokens", TokenStore.build, texts, Letters(), "k", "passages")
    assert contents(disk) == {}
    assert len(TokenStore.build(texts[:9], Letters(), "k", "passages")) == 9


def test_a_trained_model_on_a_full_disk(disk, tmp_path, capsys):
    """`checkpoint.save` of a real cross-encoder: the checkpoint before stays complete and loadable."""
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.tokens.lengths import Lengths

    sizes = {"vocab_size": 64, "embedding_size": 8, "hidden_size": 8, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16}
    large = sizes | {"vocab_size": 9000}
    (tmp_path / "backbone").mkdir()

    def save(**shape):
        model = CrossEncoder(EncoderConfig(**shape), Scoring(), PRECISIONS["float32"])
        checkpoint.save(model, disk / "model", tmp_path / "backbone", Lengths(4, 12), {"loss": "lce"})

    save(**sizes)
    before = contents(disk)
    refused(capsys, "model/model.safetensors", lambda: save(**large))
    assert contents(disk) == before
    assert checkpoint.trained(disk / "model").config.vocab_size == 64


def test_other_faults_are_not_taken_for_the_disk_s(tmp_path):
    for fault in (FileNotFoundError(2, "No such file", "elsewhere"), ConnectionError("lost"), OSError("odd")):
        with pytest.raises(type(fault)), written(tmp_path / "file"):
            raise fault
        with pytest.raises(type(fault)), built_folder(tmp_path / "folder"):
            raise fault
    assert list(tmp_path.iterdir()) == []
