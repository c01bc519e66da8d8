"""What the doors' command lines have in common."""

import argparse
import os


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, where there are any, and leaves the example as it was written."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


def parser_for(door: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser for `python -m lce_tf.DOOR` that ends its help with an example to paste."""
    return argparse.ArgumentParser(
        prog=f"python -m lce_tf.{door}",
        description=description,
        epilog=f"example:\n  {example}\n",
        formatter_class=HelpFormatter,
    )


def quiet_tensorflow() -> None:
    """Keeps TensorFlow's start-up chatter off the terminal unless the user asked for it; call before its import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def names(text: str) -> list[str]:
    """A comma-separated argument as a list."""
    return [part for part in text.split(",") if part]


def numbers(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers; argparse turns the ValueError into its usual message and exit status 2."""
    return tuple(int(part) for part in names(text))
