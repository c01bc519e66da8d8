"""Replaces folders that a user's account may lack: a home folder, and a folder for temporary files."""

import contextlib
import os
import tempfile
from pathlib import Path

# Variables that tell libraries where to write, and their default places below the home folder.
_AT_HOME = {
    "HF_HOME": ".cache/huggingface",
    "MPLCONFIGDIR": ".config/matplotlib",
    "KERAS_HOME": ".keras",
    "PYSERINI_CACHE": ".cache/pyserini",
    "TORCH_HOME": ".cache/torch",
}


def cache_place() -> Path | None:
    """The folder for everything that can be built again: `$LCE_CACHE`, else `~/.cache/lce_tf`; None without a home."""
    if given := os.environ.get("LCE_CACHE"):
        return Path(given)
    home = os.path.expanduser("~")
    return None if home == "~" else Path(home, ".cache", "lce_tf")


def settle_places() -> None:
    """Sets environment variables so that libraries write into the cache if the home folder or `/tmp` is not usable.

    The home folder is replaced only if LCE_CACHE is set: by HOME if the folder is missing, and by the variables of
    `_AT_HOME` if it is not writable; variables that are set and folders that exist are kept. The folder for temporary
    files is replaced by TMPDIR if none is writable; if the cache is not writable either, it is left, and the code that
    needs it raises an error.
    """
    cache = cache_place()
    if cache is None:
        return
    home = os.path.expanduser("~")
    if os.environ.get("LCE_CACHE") and not os.path.isdir(home):
        os.environ["HOME"] = str(cache.absolute() / "home")
    elif os.environ.get("LCE_CACHE") and not os.access(home, os.W_OK):
        for variable, place in _AT_HOME.items():
            if variable not in os.environ and not os.path.isdir(os.path.join(home, place)):
                os.environ[variable] = str(cache.absolute() / Path(place).name)
    try:
        tempfile.gettempdir()
    except OSError:
        with contextlib.suppress(OSError):
            scratch = cache.absolute() / "tmp"
            scratch.mkdir(parents=True, exist_ok=True)
            tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)
