"""The engine for CPUs: runs an exported cross-encoder in OpenVINO."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.precision import cpu_has_bfloat16
from lce_tf.reranking.engine import AUTO, Batches, Engine
from lce_tf.reranking.int8 import GROUP, compressed
from lce_tf.reranking.layout import by_width
from lce_tf.reranking.openvino_model import INPUTS, exported
from lce_tf.reranking.openvino_runtime import openvino_runtime
from lce_tf.reranking.steady import CPU_TOKENS, FILLED_TOKENS, WHOLE, rows_of_a_batch
from lce_tf.tokens.packing import Packer, PaddedPairs

PRECISIONS = ("float32", "bfloat16", "int8")


class OpenVinoEngine(Engine):
    """Runs an exported cross-encoder in OpenVINO; a forked process compiles the model again.

    Args:
        model_file: path of `openvino.xml`, from `exported`.
        precision: "float32", "bfloat16", or "int8": int8 dense layers, the rest in bfloat16 if the CPU multiplies it in
            hardware, else in float32.

    Attributes:
        tokens: padded wordpieces of a full batch.
    """

    key = "openvino"
    help = "the exported model on a CPU, in float32, bfloat16 or int8"
    home = "cpu"
    steady = True

    @classmethod
    def check(cls, precision):
        if precision not in (AUTO, *PRECISIONS):
            raise UserError(f"--precision {precision!r}: OpenVINO's are {AUTO}, {', '.join(PRECISIONS)}")

    @classmethod
    def open(cls, folder, precision):
        cls.check(precision)
        if precision == AUTO:
            precision = "bfloat16" if cpu_has_bfloat16() else "float32"
        openvino_runtime()  # raises here if OpenVINO is not installed
        return cls(exported(folder), precision)

    def __init__(self, model_file: Path, precision: str):
        self.precision, self._file = precision, model_file
        self._fill = rows_of_a_batch(precision)
        self.tokens = FILLED_TOKENS if self._fill == WHOLE else CPU_TOKENS
        self._forked: list = []
        self._compile()

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        if os.getpid() != self._process:
            # A fork does not copy OpenVINO's threads. Freeing the old objects would wait for them, so they are kept.
            self._forked.append((self._compiled, self._requests))
            self._compile()
        return by_width(packer, query_rows, passage_rows, self.tokens, self._fill)

    def start(self, batch: PaddedPairs) -> Callable[[], np.ndarray]:
        request = next(self._requests)
        request.wait()  # an interrupted call may have left it running
        request.start_async(dict(zip(INPUTS, batch, strict=True)))

        def logits() -> np.ndarray:
            request.wait()
            return request.get_output_tensor(0).data.copy()

        return logits

    def _compile(self) -> None:
        core = openvino_runtime().Core()
        bfloat16 = self.precision == "bfloat16" or (self.precision == "int8" and cpu_has_bfloat16())
        options = {"INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32"}
        try:
            model = core.read_model(str(self._file))
            if self.precision == "int8":
                model = compressed(model)
                options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = str(GROUP)
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise UserError(
                f"{self._file}: cannot be loaded; delete its folder, the model will be converted again"
            ) from error
        self._requests = itertools.cycle([self._compiled.create_infer_request() for _ in range(self.ahead + 1)])
        self._process = os.getpid()
