"""Writes files completely or not at all: under a temporary name, synced, then renamed."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lce_tf.errors import UserError
from lce_tf.foundation.destinations import destination, is_stream
from lce_tf.foundation.homes import cache_place
from lce_tf.foundation.locks import held, is_left

if TYPE_CHECKING:
    import numpy as np


def cache_dir() -> Path:
    """The folder for everything that can be built again: `$LCE_CACHE`, else `~/.cache/lce_tf`.

    Raises:
        UserError: LCE_CACHE is not set and there is no home folder.
    """
    if (place := cache_place()) is None:
        raise UserError("there is no home folder for the cache; set LCE_CACHE to a folder that can be written")
    return place


def scratch_place() -> str:
    """A folder for temporary files: the system's, such as `/tmp` or `$TMPDIR`, else one in the cache.

    Raises:
        UserError: neither is writable.
    """
    try:
        return tempfile.gettempdir()
    except OSError:
        return str(make_folder(cache_dir() / "tmp"))


@contextlib.contextmanager
def cached_in(folder: str | Path) -> Iterator[None]:
    """Uses `folder` as the cache within the block."""
    before = os.environ.get("LCE_CACHE")
    os.environ["LCE_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LCE_CACHE"]
        else:
            os.environ["LCE_CACHE"] = before


def make_folder(path: str | Path) -> Path:
    """Creates `path` and its parents; a UserError gives the reason if that fails."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be made a folder ({error.strerror}); {_way_out(path)}") from error
    return path


@contextlib.contextmanager
def claimed_folder(path: str | Path) -> Iterator[Path]:
    """Creates the folder `path` and its parents; an exception in the block removes new ones that are still empty."""
    path = Path(path)
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_folder(path)
    try:
        yield path
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # not empty any more
                folder.rmdir()
        raise


@contextlib.contextmanager
def written(path: str | Path, mode: str = "w") -> Iterator[Any]:
    """A file object whose contents appear at `path` only if the block ends without an exception.

    Text is UTF-8 with `\\n` line ends on every platform. A symbolic link is followed and kept. A stream, such as a pipe
    or `/dev/stdout`, is written directly, so output before an exception stays.

    Raises:
        UserError: the disk is full, the folder is read-only or the like; the old contents of `path` are kept. Or `path`
            is a folder, a socket or a block device.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    path, named = destination(path), path
    if not isinstance(path, Path):
        with _stream(path, mode, text, named) as file:
            yield file
        return
    _refuse_folder(named, path)
    make_folder(path.parent)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(handle, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if _tells_of_the_disk(error, temporary):
            raise _unwritable(path, error) from error
        raise


@contextlib.contextmanager
def written_together(*paths: str | Path) -> Iterator[list[Path]]:
    """Temporary paths, one for each of `paths`; if the block ends without an exception, their files replace `paths`.

    Args:
        paths: regular files; they are replaced in this order, after all have been written.

    Raises:
        UserError: as `written`; the old contents of all paths are kept.
    """
    ends = [destination(path) for path in paths]
    folders: list[Path] = []
    try:
        for path, end in zip(paths, ends, strict=True):
            _refuse_folder(path, end)
            make_folder(end.parent)
            try:
                folders.append(Path(tempfile.mkdtemp(dir=end.parent, prefix=f".{end.name}.", suffix=".part")))
            except OSError as error:
                raise _unwritable(end, error) from error
        files = [folder / end.name for folder, end in zip(folders, ends, strict=True)]
        try:
            yield files
        except UserError as error:  # an error of `written` names the temporary file
            line = str(error)
            for file, end in zip(files, ends, strict=True):
                line = line.replace(str(file), str(end))
            raise UserError(line) from error
        for file, end in zip(files, ends, strict=True):
            os.replace(file, end)
            _sync_folder(end.parent)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def check_output(path: str | Path, option: str = "output") -> None:
    """Checks before long work that `written` can write to `path`; creates its folder.

    Raises:
        UserError: it cannot.
    """
    if is_stream(path):
        return
    end = destination(path)
    _refuse_folder(path, end)
    try:
        with tempfile.TemporaryFile(dir=make_folder(end.parent)):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose another {option}") from error


def _refuse_folder(named: str | Path, path: Path) -> None:
    if not str(named):
        raise UserError("an output's name is empty; name a file to write")
    if path.is_dir() or str(named).endswith(os.sep):
        raise UserError(f"{named}: is a folder; name a file to write")


def vacant(output: str | Path) -> Path:
    """`output` as a Path, which is missing or an empty folder.

    Raises:
        UserError: it is a file, or a folder that is not empty.
    """
    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output {output}: exists already; choose another, or delete it first")
    return output


@contextlib.contextmanager
def built_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder that becomes `path` (or the target of a link there) if the block ends without an exception.

    If another process has meanwhile made a folder at `path`, that one is kept and the temporary folder is deleted.

    Raises:
        UserError: as `written`, or `path` is a stream.
    """
    if is_stream(path):
        raise UserError(f"{path}: is a stream; name a folder to write")
    path = destination(path)
    make_folder(path.parent)
    _remove_abandoned(path)
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with held(temporary):
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
    except OSError as error:
        if _tells_of_the_disk(error, temporary):
            raise _unwritable(path, error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Removes the temporary folders that killed processes left when they built `path`."""
    # As mkdtemp names them, so that those of `NAME.trec`, which are not held, are not taken for those of `NAME`.
    for folder in path.parent.glob(f".{glob.escape(path.name)}.{'[!.]' * 8}.part"):
        with contextlib.suppress(OSError):  # another process has removed it meanwhile, or it is a file
            # An empty one may have been made a moment ago, and not be held yet.
            if any(folder.iterdir()) and is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def confined_archives() -> Iterator[None]:
    """Within the block, tar archives that a library unpacks cannot write outside their target folder.

    Absolute paths, `..`, links that lead out of the folder and device files raise `tarfile.FilterError`.
    """
    before = tarfile.TarFile.extraction_filter
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before


def sha256_of(*paths: str | Path) -> str:
    """The SHA-256 of the files' bytes, concatenated, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON with a final newline, completely or not at all."""
    text = f"{json.dumps(value, indent=2, ensure_ascii=False, default=str)}\n"
    with written(path, "wb") as file:
        # Names of files may hold bytes that are no UTF-8; JSON's escapes keep them.
        file.write(text.encode("utf-8", "backslashreplace"))


def read_json(path: str | Path) -> Any:
    """The JSON value in `path`; a UserError names the file and the line of a fault."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: is not JSON ({error.msg})") from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number with thousands of digits
        raise UserError(f"{path}: cannot be read as JSON ({str(error)[:80]}); make it again") from error
    except IsADirectoryError as error:
        raise UserError(f"{path}: is a folder, not a file") from error


def read_json_lines(path: str | Path) -> list[dict[str, Any]]:
    """The JSON objects in `path`, one per line; other lines, such as one torn by a crash, are left out."""
    found = []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return [value for value in found if isinstance(value, dict)]


def read_array(path: str | Path, mapped: bool = False) -> "np.ndarray":
    """The array in an .npy file, memory-mapped if `mapped`; arrays of Python objects are refused.

    Raises:
        UserError: no such file, a torn file, or other contents.
    """
    import numpy as np

    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except Exception as error:  # NumPy parses the header as Python: a torn one may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: cannot be read as an array ({reason})") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: is an archive of arrays, not one")
    return array


# Errors of a full, read-only or failing disk; NumPy raises an OSError without errno for a short write.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


def _tells_of_the_disk(error: BaseException, temporary: str | Path) -> bool:
    """Whether the error comes from writing `temporary`, or a file in it, and not from something else in the block."""
    if not isinstance(error, OSError):
        return False
    ours = error.filename is None or str(error.filename).startswith(str(temporary))
    return ours and (error.errno in _DISK or (error.errno is None and "requested and" in str(error)))


@contextlib.contextmanager
def _stream(end: str | int, mode: str, text: dict[str, str], named: str | Path) -> Iterator[Any]:
    """Opens a pipe or device by its name, or a duplicate of a file descriptor, for writing."""
    sys.stdout.flush()  # so that printed text comes before the output
    try:
        file = open(end if isinstance(end, str) else os.dup(end), mode, **text)
    except OSError as error:
        raise UserError(f"{named}: cannot be written ({error.strerror}); choose another output") from error
    try:
        with file:
            yield file
    except OSError as error:
        if error.filename is None and error.errno in (errno.EPIPE, *_DISK):
            raise _unwritable(Path(named), error) from error
        raise


def _unwritable(path: Path, error: OSError) -> UserError:
    why = error.strerror or f"disk full? {error}"
    return UserError(f"{path}: cannot be written ({why}); make room or {_way_out(path)}")


def _way_out(path: Path) -> str:
    """Advice for an error message where `path` cannot be written: set LCE_CACHE, or choose another output."""
    with contextlib.suppress(UserError):
        if path.is_relative_to(cache_dir()):
            return "set LCE_CACHE to a folder that can be written"
    return "choose another output"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(path: Path) -> None:
    """Makes a rename durable. Errors are ignored, since some file systems cannot sync folders."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
