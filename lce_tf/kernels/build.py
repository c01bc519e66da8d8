"""`python -m lce_tf.kernels.build`: compiles `source` to the text files in the package. Needs Triton 3.4."""

import hashlib
import re
import sys
from pathlib import Path

FOLDER, SOURCE = Path(__file__).parent / "ttir", "source.sha256"
HALF, FLOAT, INT = "*fp16", "*fp32", "*i32"
# Tokens that a program of an attention kernel computes, and tokens of their pairs that it reads at a time: the fastest
# of the values tried on an H200.
TILE, STEP = 64, 32
ATTENTION = {"qkv": HALF, "keys": INT, "begin": INT, "end": INT, "params": INT, "out": HALF, "lse": FLOAT}
ATTENTION |= {"upstream": HALF, "delta": FLOAT, "dqkv": HALF}
NORM = {"x": HALF, "h": HALF, "z": HALF, "bias": FLOAT, "gamma": FLOAT, "beta": FLOAT, "keys": INT, "params": INT}
NORM |= {"y": HALF, "mean": FLOAT, "rstd": FLOAT, "upstream": HALF, "dz": HALF, "dh": HALF, "sums": FLOAT, "dx": HALF}
# File name without its suffix: (kernel, types of arguments by name, constants).
KERNELS = {
    **{
        f"attention_forward_{head}{'' if drop else '_scoring'}": (
            "attention_forward",
            ATTENTION,
            {"HEAD": head, "M": TILE, "N": STEP, "DROP": drop},
        )
        for head in (32, 64)
        for drop in (0, 1)
    },
    **{
        f"attention_backward_{head}": (
            "attention_backward",
            ATTENTION,
            {"HEAD": head, "M": STEP, "N": TILE},
        )
        for head in (32, 64)
    },
    **{
        f"norm_{way}_{block}": (f"norm_{way}", NORM, {"BLOCK": block})
        for way in ("forward", "backward")
        for block in (512, 1024)
    },
    "gelu_backward_512": ("gelu_backward", NORM, {"BLOCK": 512}),
}


def digest() -> str:
    """SHA-256 of `source`; a test compares it to check that the text files are built from this source."""
    return hashlib.sha256((FOLDER.parent / "source.py").read_bytes()).hexdigest()


def text_of(function, types: dict[str, str], constants: dict[str, int]) -> str:
    """A kernel in Triton's intermediate representation, without source locations."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    names = list(function.arg_names)
    source = ASTSource(
        function,
        {name: "constexpr" if name in constants else types[name] for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        # XLA aligns its buffers; vector loads need 16 bytes.
        attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if name not in constants},
    )
    text = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4, "num_stages": 2}).asm[
        "ttir"
    ]
    text = re.sub(r"^#loc.*\n", "", text, flags=re.M)
    return re.sub(r' loc\((?:[^()"]|"[^"]*"|\([^()]*\))*\)', "", text)


def main() -> int:
    """Writes the text file of every kernel, and the digest of the source."""
    from lce_tf.kernels import source

    FOLDER.mkdir(exist_ok=True)
    (FOLDER / SOURCE).write_text(f"{digest()}\n")
    for name, (kernel, types, constants) in KERNELS.items():
        (FOLDER / f"{name}.ttir").write_text(text_of(getattr(source, kernel), types, constants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
