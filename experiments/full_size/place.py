"""The folders of the full-size run, the record of a step, and calls to the operating system."""

import os
from pathlib import Path
from typing import NamedTuple

from experiments.full_size import layout

TRAIN_STEPS = 200
GROUPS, GROUP = 16, 8  # the paper's


class Place(NamedTuple):
    """The folders: `data` holds the generated files, `proof` everything made from them."""

    data: Path

    @property
    def proof(self) -> Path:
        return self.data / "proof"

    @property
    def cache(self) -> Path:
        return self.proof / "cache"

    @property
    def backbone(self) -> Path:
        return self.proof / "backbone"

    @property
    def model(self) -> Path:
        return self.proof / "model"

    @property
    def reranked(self) -> Path:
        return self.proof / "reranked.dev.trec"

    def config(self):
        """The paper's training, except for encoder, learning rate and number of steps."""
        from lce_tf.training.config import TrainConfig

        base = {"dataset": str(self.data), "run": str(self.data / layout.TRAIN_RUN), "backbone": str(self.backbone)}
        base |= {"group": GROUP, "batch": GROUPS, "steps": TRAIN_STEPS, "learning_rate": 1e-3}
        return TrainConfig(**base, precision="float32", checkpoint_every=TRAIN_STEPS)


class Done(NamedTuple):
    """What a step did: an amount with its unit, the files and folders it wrote, and further notes."""

    amount: int
    unit: str
    files: tuple[Path, ...] = ()
    note: str = ""


def forget(folder: Path) -> None:
    """Asks the system to drop the folder's .npy files from memory, as if they had been written long ago."""
    for file in folder.rglob("*.npy"):
        with open(file, "rb") as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident_bytes() -> int:
    """Bytes of this process that are in memory now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def disk_bytes(path: Path) -> int:
    """Bytes on the disk of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
