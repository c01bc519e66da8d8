"""`python -m lce_tf`: the same as `lce`."""

import sys

from lce_tf.cli import main

if __name__ == "__main__":
    sys.exit(main())
