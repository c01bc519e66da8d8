"""Loads tokenizers by transformers, once each: what is used of them is kept in the cache.

transformers imports PyTorch where that is installed: some seconds and 200 MB in every process that tokenises.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir, make_folder, sha256_of, write_json
from lce_tf.tokens.probing import probed, probed_alone
from lce_tf.tokens.template import PairTemplate

# Kinds of files that transformers may read; a change to any of them makes a tokenizer another one.
_READ = (".json", ".txt", ".model", ".jinja", ".codes", ".bpe")


@dataclass(frozen=True)
class LoadedTokenizer:
    """What this package uses of a tokenizer of transformers.

    Attributes:
        definition: the text of its `tokenizer.json`, without truncation and padding.
        cls, sep, pad, mask, unk, eos: ids of special tokens; None for those that it does not have.
        splits_special: whether it splits text that spells a special token like any other text.
        template: what it puts around a pair, as `PairTemplate.as_json` gives it; None: `probed` refuses it.
        alone: ids that it puts before and after a text on its own; None: `probed_alone` refuses it.
    """

    definition: str
    cls: int | None
    sep: int | None
    pad: int | None
    mask: int | None
    unk: int | None
    eos: int | None
    splits_special: bool
    template: dict[str, Any] | None
    alone: Sequence[list[int]] | None

    @classmethod
    def load(cls, folder: Path) -> "LoadedTokenizer":
        """The tokenizer of a folder: from the cache, or by transformers, whose errors are passed on."""
        kept = _kept_in(folder)
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # absent or damaged
            found = json.loads(kept.read_text(encoding="utf-8"))
            return cls(**{one.name: found[one.name] for one in fields(cls)})
        loaded = cls.by_transformers(folder)
        with contextlib.suppress(OSError, UserError):  # a cache that cannot be written to
            make_folder(kept.parent)
            write_json(kept, asdict(loaded))
        return loaded

    @classmethod
    def by_transformers(cls, folder: Path) -> "LoadedTokenizer":
        """The tokenizer of a folder as transformers loads it."""
        wrapper = wrapped(folder)
        backend = wrapper.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        definition, template, alone = backend.to_str(), None, None
        if wrapper.pad_token_id is not None:
            # Raised where the template is asked for; tokenizers raises plain Exception, as at unknown words.
            with contextlib.suppress(Exception):
                template = probed(wrapper, str(folder)).as_json()
            with contextlib.suppress(Exception):
                alone = probed_alone(wrapper, str(folder))
        ids = (getattr(wrapper, f"{name}_token_id") for name in ("cls", "sep", "pad", "mask", "unk", "eos"))
        return cls(definition, *ids, bool(getattr(wrapper, "split_special_tokens", False)), template, alone)

    def template_of(self, folder: Path) -> PairTemplate:
        """The template that it puts around a pair.

        Raises:
            UserError: see `probed`.
        """
        if self.template is None:
            return probed(wrapped(folder), str(folder))  # raises the error again
        return PairTemplate.from_json(self.template)


def wrapped(folder: Path):
    """The tokenizer object of transformers of a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)


def _kept_in(folder: Path) -> Path:
    """The file in the cache for what the folder's files and the libraries' versions make."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _READ and path.is_file())
    contents = [(path.name, _content(path)) for path in files if path.name != "manifest.json"]
    facts = [version("transformers"), version("tokenizers"), *contents]
    return cache_dir() / "tokenizers" / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}.json"


def _content(path: Path) -> Any:
    """What identifies a file's content, without what training adds: checkpoints share their backbone's tokenizer."""
    if path.name == "config.json":
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return {name: value for name, value in json.loads(path.read_bytes()).items() if name != "lce_tf"}
    return sha256_of(path)
