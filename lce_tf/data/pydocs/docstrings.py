"""Extracts docstrings from Python source, and a summary sentence and prose from a docstring.

The source is parsed with `ast` and never imported. `cleaned` replaces `ast.get_docstring`, so that a later Python
cannot change the result.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

QUERY_WORDS = range(4, 31)
PASSAGE_WORDS = range(12, 71)


class Prose(NamedTuple):
    """One docstring as a query and its passage, single-spaced and without markup."""

    query: str
    passage: str


def docstrings(source: str | bytes) -> Iterator[tuple[str, str]]:
    """Every docstring of a module as (qualified name, cleaned text); the module's own has the name "".

    Definitions inside functions are left out.

    Raises:
        SyntaxError: the source is not Python.
    """
    yield from _walk(ast.parse(source), "")


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    body = getattr(node, "body", [])
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            yield name, cleaned(first.value.value)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for child in body + getattr(node, "orelse", []) + getattr(node, "handlers", []):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, f"{name}.{child.name}" if name else child.name)
        elif isinstance(child, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _walk(child, name)


def cleaned(docstring: str) -> str:
    """The docstring without the indentation of its least indented line after the first."""
    lines = [line.expandtabs().rstrip() for line in docstring.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line), default=0)
    return "\n".join([lines[0].lstrip(), *(line[margin:] for line in lines[1:])]).strip()


# Matches a line that ends the prose: the start of a section, list, table, directive or code.
_WORDS = (
    r"Arguments|Args|Parameters?|Params?|Returns?|Raises|Yields?|Attributes|Attrs|Keyword Args|Inputs?|Outputs?|"
    r"Examples?|Usages?|References?|See Also|Notes?|Notation|Warnings?|Warns|Methods|Properties|Input shape|"
    r"Output shape|Call arguments|Throws|Options|Todo|Defaults?|Shapes?|Authors?|Requirements|Contributors?"
)
_SECTION = re.compile(
    rf"(?:(?:{_WORDS}|[A-Z]\w*(?: \w+){{0,3}})\s*:\s*$"  # "Args:" alone on its line, or any short heading
    r"|(?:Arguments|Args|Parameters?|Params|Returns?|Raises|Yields?|Examples?|Usage|References?|See Also)\s*:\s"
    rf"|(?:{_WORDS})\s*$"
    r"|[-*+\u2022\u2013]\s|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{2,4})[.)]\s"  # list items
    r"|>|\.\.\.\s|\$ |%|```|~~~|#|\||<|!!!|@|\\|In \[\d"  # code, headings, tables, tags, directives
    r"|\.\. |:\w[\w ]*:(?!`)|__\w+__|TODO|FIXME"
    r"|(?:[-=~^\"'*#+_.:]\s?){3,}$|[+|][-=+|]"  # underlines and rules
    r"|(?:Copyright|Licen[sc]ed?|SPDX)\b|(?:Author|Created|Date|Based on|Adapted from|Source)\b.{0,3}:)",
    re.IGNORECASE,
)
_UNDERLINE = re.compile(r"([-=~^\"'*#+_.])\1{2,}$")
# Directives about versions and the like: their lines are skipped; the prose continues after them.
_PASSING = re.compile(
    r"\.\. *(?:versionadded|versionchanged|versionremoved|index|deprecated|currentmodule|module|plot-)|\.\. _"
)

# Sentences that many docstrings share and that say nothing about the thing described.
_BOILERPLATE = re.compile(
    r"Read more in\b|DEPRECATED|(?:This|The) [\w ]+ inherits from\b|Users should refer to"
    r"|Refer to (?:this|the) superclass|Check the superclass|(?:Please )?check the documentation from"
    r"|For usage of this class, see|If you want to use the \w+ dataset builder"
)


def prose(docstring: str) -> tuple[str, str]:
    """(first sentence, the following sentences) of a cleaned docstring, up to its first section, without markup."""
    paragraphs = [" ".join(paragraph) for paragraph in _paragraphs(docstring)]
    while paragraphs and re.match(r"[\w.]+\(.*\)(\s*->.*)?$", paragraphs[0]):  # a signature, as in C functions
        paragraphs.pop(0)
    found: list[str] = []
    for paragraph in paragraphs:
        found.extend(sentences(plain(paragraph)))
        if found and found[-1].endswith(":"):  # introduces a list, a formula or code, which is left out
            found.pop()
            break
    rest = [sentence for sentence in found[1:] if not _BOILERPLATE.match(sentence)]
    return (found[0] if found else ""), " ".join(rest)


def _paragraphs(docstring: str) -> Iterator[list[str]]:
    """The lines of each paragraph before the first section; the last one only if it ends a sentence."""
    paragraph: list[str] = []
    passing = False
    for line in docstring.split("\n") + [""]:
        if passing and (not line or line.startswith(" ")):
            continue
        passing = False
        if not line:
            if paragraph:
                yield paragraph
                paragraph = []
        elif not paragraph and _PASSING.match(line):
            passing = True
        elif line.startswith(" ") or _SECTION.match(line):
            if _UNDERLINE.match(line):
                return  # the line before was a heading
            break
        else:
            paragraph.append(line)
    if paragraph and paragraph[-1].endswith((".", "!", "?")):
        yield paragraph


_MARKUP = [
    (re.compile(r":math:`([^`]*)`"), r"\1"),
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)"), r"\1"),  # Markdown link
    (re.compile(r":[a-z][\w:+-]*:`~(?:[^`<>]*\.)?([^`.<>]+)`"), r"\1"),
    (re.compile(r"(?::[a-z][\w:+-]*:)?`([^`<>]+?)\s*<[^`<>]*>`_{0,2}"), r"\1"),  # `text <target>`_
    (re.compile(r":[a-z][\w:+-]*:`[.!]?([^`]*)`"), r"\1"),
    (re.compile(r"\[?``?~(?:[\w.]*\.)?([\w()]+)``?\]?"), r"\1"),  # `~package.module.Name` shows its last part
    (re.compile(r"\[``?([^`\[\]]+)``?\](?!\()"), r"\1"),  # [`Name`]
    (re.compile(r"``([^`]+(?:`[^`]+)*)``"), r"\1"),
    (re.compile(r"`\.?([^`]*)`_{0,2}"), r"\1"),
    (re.compile(r"\s?\[\w{1,12}\]_"), ""),  # reST citation
    (re.compile(r"(?<![\w*])\*\*(?=\S)([^*]+?)(?<=\S)\*\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w*,])\*(?=[^\s*,)])([^*]+?)(?<=[^\s*])\*(?![\w*])"), r"\1"),
    (re.compile(r"\\ "), ""),
    (re.compile(r"</?[a-z]{1,6}/?>"), ""),
    (re.compile(r"::$"), ":"),
]


def plain(text: str) -> str:
    """The text without reST and Markdown markup, and with single spaces as white space."""
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|al|fig|figs|eq|eqs|resp|approx|no|nos|st|dr|mr|mrs|prof|refs?|secs?|chap|vol|pp?|"
    r"ed|eds|ver|incl|w\.r\.t|dept|inc)|(?:^|[\s(.])[A-Z])\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The text cut after each full stop, exclamation or question mark that ends a sentence."""
    cut, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text[start : end.start() + 1]):
            cut.append(text[start : end.end()].rstrip())
            start = end.end()
    return cut + [text[start:]] if text[start:] else cut


_JUNK = re.compile(
    r"^DEPRECATED|^Deprecated\b|^See\b|%\(|%s|\{\{|\}\}|\$\{|`|\bTODO\b|\\\w+\{|:\w+:|<\w+ ?/?>|\*\*\*|---|\|\|"
)
_WORD = re.compile(r"[\"'(\[]*[A-Za-z]+(?:[-/'’][A-Za-z]+)*[\"')\]]*[.,;:!?]?[\"')\]]*$")


def query_and_passage(docstring: str) -> Prose | None:
    """The first sentence as the query and the whole sentences after it as the passage, or None.

    The query has 4 to 30 words, the passage 12 to 70: longer prose is cut after a sentence. None if either is too short
    or too long, holds template marks or is mostly symbols, or if the passage repeats the query.
    """
    summary, rest = prose(docstring)
    query = summary.rstrip(".").strip()
    if len(query.split()) not in QUERY_WORDS or query.endswith(":"):
        return None
    passage: list[str] = []
    for sentence in sentences(rest):
        words = sentence.split()
        if len(passage) + len(words) >= PASSAGE_WORDS.stop:
            break
        passage.extend(words)
    text = " ".join(passage)
    if len(passage) not in PASSAGE_WORDS or _JUNK.search(query) or _JUNK.search(text):
        return None
    if _share_of_words(query.split()) < 0.6 or _share_of_words(passage) < 0.7:
        return None
    return None if f" {folded(query)} " in f" {folded(text)} " else Prose(query, text)


def _share_of_words(tokens: list[str]) -> float:
    return sum(1 for token in tokens if _WORD.match(token)) / len(tokens)


def folded(text: str) -> str:
    """The words of the text in lower case with single spaces, for comparing texts."""
    return " ".join(re.findall(r"\w+", text.lower()))
