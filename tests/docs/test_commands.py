"""Every command and every Python block in README and docs: commands, options, targets and names exist."""

import ast
import contextlib
import importlib.util
import io
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"(?:^|/)lce$|^lce_tf\.(\w+)$")


def blocks(page, *languages):
    return [body for language, body in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page):
    """The words of each line of shell in the page's fences, comments left out and broken lines joined."""
    for body in blocks(page, "bash", "sh", "console"):
        for line in body.replace("\\\n", " ").splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:  # a here-document or the like
                continue
            if words:
                yield line, words


def options_of(name, method):
    """Options in the help of a name, or of one of its methods."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
        importlib.import_module(f"lce_tf.{name}").main([*([method] if method else []), "--help"])
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", text.getvalue()))


def asked():
    """(name, method) -> the options that pages give it, each with a page and a line."""
    found = {}
    for page in PAGES:
        for line, words in commands(page):
            for place, word in enumerate(words):
                if not (match := COMMAND.search(word)) or (match[1] and words[place - 1 : place] != ["-m"]):
                    continue
                name, rest = (match[1], words[place + 1 :]) if match[1] else (words[place + 1 :] or [""], None)
                if rest is None:
                    name, rest = (name[0], words[place + 2 :])
                rest = rest[: next((i for i, w in enumerate(rest) if w in {"|", "&&", ";", ">", "&"}), len(rest))]
                method = rest[0] if name == "retrieve" and rest and not rest[0].startswith("-") else None
                given = {w.partition("=")[0] for w in rest if re.match(r"--[a-z]", w)}
                found.setdefault((name, method), []).append((page.name, line.strip(), given))
    return found


def test_every_door_and_option_exists():
    from lce_tf.cli import COMMANDS

    wrong = []
    for (name, method), uses in sorted(asked().items(), key=str):
        if name.startswith("-") or name in {"X", "..."}:
            continue
        if name not in COMMANDS:
            wrong += [f"{page}: {line}: no name {name!r}" for page, line, _ in uses]
            continue
        if not any(given for _, _, given in uses) or "." in (method or ""):  # a class of the reader's own
            continue
        known = options_of(name, method)
        wrong += [f"{page}: {line}: {', '.join(sorted(given - known))}" for page, line, given in uses if given - known]
    assert not wrong, "\n".join(wrong)


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = {
        (page.name, word)
        for page in PAGES
        for _, words in commands(page)
        if words[0] == "make"
        for word in words[1:]
        if "=" not in word and not word.startswith("-")
    }
    assert used and not {use for use in used if use[1] not in targets}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_compile_and_take_names_that_exist(page):
    absent = []
    for body in blocks(page, "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lce_tf":
                module = importlib.import_module(node.module)
                for name in node.names:
                    if not hasattr(module, name.name) and not importlib.util.find_spec(f"{node.module}.{name.name}"):
                        absent.append(f"{node.module}.{name.name}")
    assert not absent
