"""SHA-256 of input files. Digests of large files are cached, so that each is read only once."""

import contextlib
import hashlib
import json
from pathlib import Path

from lce_tf.data.source import Source
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir, read_json, write_json

# Size in bytes from which a file's digest is cached; smaller files are hashed quickly.
LARGE = 50_000_000


def is_large(path: str | Path) -> bool:
    """Whether `path` is a file of at least `LARGE` bytes, so that data derived from it should be cached."""
    with contextlib.suppress(OSError):
        return Path(path).is_file() and Path(path).stat().st_size >= LARGE
    return False


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits, cached if the file is large.

    To record what was read, use the digest of that reading: `Source.sha256` or `Run.sha256`.

    Raises:
        UserError: no such file.
    """
    with Source(path) as source:
        return source_sha256(source)


def source_sha256(source: Source) -> str:
    """The SHA-256 of an open input; a large file is read only if its size, times or inode differ from those cached."""
    if source.state is None or source.state[0] < LARGE:
        return source.read_through()
    name, memory = str(Path(source.path).resolve()), cache_dir() / "hashes.json"
    match _hashes_in(memory).get(name):
        case [*known, str(digest)] if known == source.state:
            return digest
    digest = source.read_through()
    with contextlib.suppress(UserError, OSError):  # without a writable cache the file is hashed again next time
        write_json(memory, {**_hashes_in(memory), name: [*source.state, digest]})
    return digest


def _hashes_in(memory: Path) -> dict:
    """The cached digests; {} if the cache is damaged, since it can be made again."""
    try:
        known = read_json(memory)
    except (UserError, OSError):
        return {}
    return known if isinstance(known, dict) else {}


def texts_key(texts: dict[str, str]) -> str:
    """The SHA-256 of queries in the order they have, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
