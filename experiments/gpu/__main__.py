"""Measures training and scoring on this machine's GPU, ours and PyTorch's, and prints a table."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

# In the order in which they are measured: the most important first, in case the time runs out.
ROWS = (
    ("ours", "train_16x8"),
    ("ours", "score_store"),
    ("peers", "torch_train_by_hand"),
    ("peers", "torch_score_by_hand"),
    ("ours", "rerank_text"),
    ("peers", "sentence_transformers"),
    ("ours", "train_16x128"),
    ("ours", "parity"),
    ("peers", "torch_train_compiled"),
    ("ours", "train_64x8"),
    ("peers", "torch_train_eager"),
    ("ours", "train_16x8_bfloat16"),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m experiments.gpu", description=__doc__)
    found.add_argument("--output", type=Path, default=Path("runs/gpu"), help="folder for results and the drawn files")
    found.add_argument("--peers", help="interpreter with PyTorch and sentence-transformers (default: this one)")
    found.add_argument("--only", default="", help="rows, with commas between (default: all)")
    found.add_argument("--seconds", type=float, default=460, help="after which no further row is started")
    found.add_argument("--tiny", action="store_true", help="toy sizes, to see that everything works, on a CPU as well")
    return found


def main(argv: list[str] | None = None) -> int:
    """Runs each row in a process of its own; a row that fails is named, the others go on."""
    arguments = parser().parse_args(argv)
    from experiments.gpu.files import write_files

    arguments.output.mkdir(parents=True, exist_ok=True)
    results, start = arguments.output / "rows.jsonl", time.monotonic()
    folder = write_files(arguments.output / "files", arguments.tiny)
    wanted = [name for name in arguments.only.split(",") if name]
    for side, name in [row for row in ROWS if not wanted or row[1] in wanted]:
        left = arguments.seconds - (time.monotonic() - start)
        if left < 15:
            print(f"{name}: left out, the time is up", flush=True)
            continue
        interpreter = arguments.peers if side == "peers" and arguments.peers else sys.executable
        program = [interpreter, "-m", f"experiments.gpu.{side}", name, str(folder), str(results)]
        log = arguments.output / f"{name}.log"
        began = time.monotonic()
        with open(log, "w") as file:
            try:
                code = subprocess.run(
                    [*program, *(["--tiny"] if arguments.tiny else [])], stdout=file, stderr=file, timeout=left
                ).returncode
            except subprocess.TimeoutExpired:
                code = "time is up"
        if code:
            last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
            print(f"{name}: failed ({code}), see {log}: {last[:200]}", flush=True)
        else:
            line = json.loads(results.read_text().splitlines()[-1])
            figures = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}
            print(f"{json.dumps(figures)}   ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
