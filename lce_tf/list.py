"""`python -m lce_tf.list`: prints the pieces that a command line can name, one line each."""

import argparse
import sys
from collections.abc import Callable

from lce_tf.data.layouts import LAYOUTS
from lce_tf.exporting.exporter import EXPORTERS
from lce_tf.foundation.arguments import command_main, parser_for
from lce_tf.importing.formats import FORMATS
from lce_tf.losses import LOSSES
from lce_tf.losses.options import described
from lce_tf.model.families import FAMILIES
from lce_tf.replication.presets import PRESETS
from lce_tf.reranking.engine import AUTO, ENGINES
from lce_tf.retrieval.registry import RETRIEVERS
from lce_tf.training.recipes import RECIPES

EXAMPLE = """python -m lce_tf.list losses
  python -m lce_tf.list --names losses"""
BACKBONES = {
    "minilm": "the packaged all-MiniLM-L6-v2",
    **{name: f"{family.help}; any checkpoint, folder or Hugging Face id" for name, family in FAMILIES.items()},
}


def _pieces(registry) -> Callable[[], dict[str, str]]:
    return lambda: {name: registry.about(name).help for name in registry}


def _engines() -> dict[str, str]:
    return {AUTO: "openvino on a CPU, packed on a GPU or TPU", **_pieces(ENGINES)()}


def _datasets() -> dict[str, str]:
    return {
        "pydocs": "queries and passages made of the docstrings of installed packages; needs no download",
        "ID": "any id of ir_datasets, such as msmarco-passage",
        **{f"FOLDER ({name})": line for name, line in _pieces(LAYOUTS)().items()},
    }


def _losses() -> dict[str, str]:
    found = {}
    for name in LOSSES:
        about = LOSSES.about(name)
        options = described(about)
        found[name] = f"{about.help}; options: {options}" if options else about.help
    return found


def _presets() -> dict[str, str]:
    return {name: f"{one.dataset} with {one.backbone}, {one.training.steps:,} steps" for name, one in PRESETS.items()}


def _recipes() -> dict[str, str]:
    return {name: one.help + (f"; also {one.alias}" if one.alias else "") for name, one in RECIPES.items()}


# Kind -> function that returns name -> one line about it.
KINDS: dict[str, Callable[[], dict[str, str]]] = {
    "losses": _losses,
    "retrievers": _pieces(RETRIEVERS),
    "engines": _engines,
    "exporters": _pieces(EXPORTERS),
    "datasets": _datasets,
    "imports": lambda: {one.name: one.needed() for one in FORMATS},
    "backbones": lambda: BACKBONES,
    "recipes": _recipes,
    "presets": _presets,
}


def listing(kind: str) -> dict[str, str]:
    """Name -> one line about it, for every piece of a kind in `KINDS`."""
    return KINDS[kind]()


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("list", __doc__.partition(": ")[2], EXAMPLE)
    result.add_argument("kind", nargs="?", choices=KINDS, help="which pieces (default: all of them)")
    result.add_argument("--names", action="store_true", help="print the names alone, for scripts")
    return result


def _main(arguments: argparse.Namespace) -> None:
    for kind in [arguments.kind] if arguments.kind else KINDS:
        pieces = listing(kind)
        width = max(map(len, pieces), default=0)
        if not arguments.kind:
            print(f"{kind}:")
        for name, line in pieces.items():
            print(name if arguments.names else f"  {name:<{width}}  {line}".rstrip())


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
