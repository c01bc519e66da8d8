"""`python -m lce_tf.serve`: answers rerank requests over HTTP, in the shapes of Cohere, TEI and vLLM."""

import argparse
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import command_main, parser_for
from lce_tf.foundation.settings import add_options, from_options
from lce_tf.model.hub import revised, weights_sha256
from lce_tf.reranker import Reranker
from lce_tf.reranking.calibration import Calibration
from lce_tf.reranking.rerank import CHECKPOINT, RerankConfig
from lce_tf.serving import logs
from lce_tf.serving.settings import TOKEN_VARIABLE, Limits, read_token

EXAMPLE = """python -m lce_tf.serve --checkpoint runs/lce8 --port 8000"""
_EXTRA = ("fastapi", "starlette", "pydantic", "uvicorn", "prometheus_client")
_WORDS = ("special_words", "positive_label", "trust_settings")
_LENGTHS = ("query_length", "sequence_length", "window", "stride", "windows")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("serve", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--checkpoint", required=True, help=CHECKPOINT)
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: all of this machine's")
    add("--port", type=int, default=8000, help="0: any that is free; the first line logged tells which")
    add("--model-name", help="what answers call the model (default: the checkpoint's last folder)")
    add("--token-file", help=f"file with the token that clients must send (default: {TOKEN_VARIABLE}, if it is set)")
    add_options(result, RerankConfig, ("engine", "precision", *_WORDS), fill=True)
    for name in _LENGTHS:
        add(f"--{name.replace('_', '-')}", type=int, help="as lce rerank has it (default: the checkpoint's own)")
    add_options(result.add_argument_group("limits (docs/serving.md)"), Limits, fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    try:
        from lce_tf.serving.app import create_app
        from lce_tf.serving.connections import fitting
        from lce_tf.serving.running import bound, run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise UserError(
            f"lce serve: {error.name} is not installed; in a checkout: pip install -c requirements.lock '.[serve]'"
        ) from error
    given = vars(arguments)
    limits = from_options(Limits, arguments)
    token = read_token(arguments.token_file, os.environ)
    listener = bound(arguments.host, arguments.port)
    lengths = {name: given[name] for name in (*_LENGTHS, *_WORDS)}
    reranker = Reranker.load(arguments.checkpoint, arguments.engine, arguments.precision, **lengths)
    with ThreadPoolExecutor(1, "hashing") as beside:  # reading gigabytes takes seconds, and needs no other thread
        hashing = beside.submit(weights_sha256, reranker.folder)
        reranker.scored([("", "")])  # does what the engine defers to its first batch, and fails if it does not work
        sha256 = hashing.result()
    logs.to_stderr()
    if token is None and not listener.getsockname()[0].startswith(("127.", "::1")):
        logs.event("no token: whoever reaches this address is served", logging.WARNING)
    model = arguments.model_name or Path(revised(arguments.checkpoint)[0]).absolute().name
    limits = replace(limits, max_connections=fitting(limits.max_connections))
    about = {"sha256": sha256, "calibrated": isinstance(reranker.shown, Calibration)}
    app = create_app(reranker.scored, model, limits, token, reranker.lengths.sequence, reranker.precision, **about)
    run(app, listener, limits)


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
