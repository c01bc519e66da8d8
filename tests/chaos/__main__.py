"""`python -m tests.chaos --kills 100`: counts the random kills of training and reranking after which the result is
right."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.chaos.storms import reranking_storm, training_storm

STORMS = {"training": training_storm, "reranking": reranking_storm}


def main() -> int:
    """Exit status 0 if the result was right after every kill, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition(": ")[2])
    parser.add_argument("--kills", type=int, default=100, help="of each of training and reranking (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: 1)")
    arguments = parser.parse_args()
    lost = 0
    with tempfile.TemporaryDirectory(prefix="lce_tf_chaos_") as scratch:
        os.environ.setdefault("LCE_CACHE", str(Path(scratch) / "cache"))
        tallies = {
            name: raise_storm(Path(scratch) / name, arguments.kills, arguments.seed)
            for name, raise_storm in STORMS.items()
        }
    for name, tally in tallies.items():
        where = ", ".join(f"{phase} {count}" for phase, count in sorted(tally.killed.items()))
        print(f"{name}: {tally.survived} of {tally.kills} kills survived (in the middle of: {where})")
        for fault in tally.faults:
            print(f"  {fault}")
        lost += tally.kills - tally.survived
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
