"""Files that are complete or absent: written under a temporary name, synced, then renamed."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError


def cache_dir() -> Path:
    """The folder for everything that can be built again: `$LCE_CACHE`, else `~/.cache/lce_tf`."""
    return Path(os.environ.get("LCE_CACHE") or Path.home() / ".cache" / "lce_tf")


def make_folder(path: str | Path) -> Path:
    """Creates `path` and its parents; a UserError says why where that is impossible."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be made a folder ({error.strerror}); choose another output") from error
    return path


@contextlib.contextmanager
def written(path: str | Path, mode: str = "w") -> Iterator[Any]:
    """A file object whose contents appear at `path` only if the block ends without an exception.

    Text is UTF-8 with `\\n` line ends whatever the platform.
    """
    path = Path(path)
    make_folder(path.parent)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file to write")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another output") from error
    try:
        with open(handle, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def built_folder(path: str | Path) -> Iterator[Path]:
    """A scratch folder that becomes `path` only if the block ends without an exception.

    Where another process finished the same folder first, its copy is kept and ours dropped.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
        os.chmod(temporary, 0o777 & ~_umask())
        try:
            os.replace(temporary, path)
        except OSError:
            if not path.is_dir():
                raise
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_of(*paths: str | Path) -> str:
    """The SHA-256 of the files' bytes, one after the other, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON with a final newline, complete or not at all."""
    with written(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False, default=str)
        file.write("\n")


def read_json(path: str | Path) -> Any:
    """The JSON value in `path`; a UserError names the file and line of a fault."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: is not JSON ({error.msg})") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(path: Path) -> None:
    """Makes a rename durable; some file systems do not sync folders, and then the rename alone must do."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
