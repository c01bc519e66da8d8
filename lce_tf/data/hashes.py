"""SHA-256 of input files, remembered for those of gigabytes, so that each is read for it once."""

from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.files import cache_dir, read_json, sha256_of, write_json

# Bytes from which on a file is worth remembering: reading less takes a moment.
LARGE = 50_000_000


def is_large(path: str | Path) -> bool:
    """Whether there is a file at `path` with so many bytes that what is made of it should be kept."""
    try:
        return Path(path).stat().st_size >= LARGE
    except OSError:
        return False


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits, remembered if the file is large.

    Raises:
        UserError: no such file.
    """
    if is_large(path):
        return remembered_sha256(path)
    try:
        return sha256_of(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; check the path") from error


def remembered_sha256(path: str | Path) -> str:
    """The SHA-256 of a file, read anew only if its size, times or place on the disk have changed."""
    path, memory = Path(path).resolve(), cache_dir() / "hashes.json"
    state = _state(path)
    match _hashes_in(memory).get(str(path)):
        case [*known, str(digest)] if known == state:
            return digest
    digest = sha256_of(path)
    write_json(memory, {**_hashes_in(memory), str(path): [*state, digest]})
    return digest


def _state(path: Path) -> list[int]:
    """What a new content cannot leave as it was: a tool may set the modification time back, not the change's."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _hashes_in(memory: Path) -> dict:
    """What was remembered; a damaged memory is as good as none, since it can be made again."""
    try:
        known = read_json(memory)
    except UserError:
        return {}
    return known if isinstance(known, dict) else {}
