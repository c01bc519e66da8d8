"""Parses run files into columns: NumPy splits whole blocks, because a training run has a hundred million rows."""

from typing import NamedTuple

import numpy as np

from lce_tf.data.formats import BY_WIDTH, FORMATS, HEADER, SHAPES, Format
from lce_tf.data.ids import LONGEST_ID, refuse_unfit
from lce_tf.data.source import Source
from lce_tf.data.text import blocks, lines
from lce_tf.errors import UserError

_LONGEST_NUMBER = 64
_NEWLINE, _TAB, _RETURN, _SPACE, _UNDERSCORE = b"\n\t\r _"


class Columns(NamedTuple):
    """The rows of a run file, in file order.

    `segment_ids` ('S') and `segment_rows` (int64) give the query and the length of each range of successive rows; a
    query whose rows are scattered has several ranges. `passage_ids` ('S'), `scores` (float64, finite) and `ranks`
    (int32) have one entry per row. Without a score column the score is -rank, without a rank column the rank is 0.
    `format` is the layout's name in `FORMATS`. `guessed`: the user did not name the layout, so its ranks must be
    checked.
    """

    segment_ids: np.ndarray
    segment_rows: np.ndarray
    passage_ids: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    tag: str
    format: str
    guessed: bool


class _Column:
    """An array that grows in place; concatenating the parts at the end would need twice the memory."""

    def __init__(self):
        self._values, self._rows = None, 0

    def append(self, part: np.ndarray) -> None:
        if self._values is None:
            self._values = np.empty(0, part.dtype)
        elif part.dtype.itemsize > self._values.dtype.itemsize:  # this part has longer ids than those before
            self._values = self._values.astype(part.dtype)
        rows = self._rows + len(part)
        if rows > len(self._values):
            self._values.resize(rows + rows // 4, refcheck=False)
        self._values[self._rows : rows] = part
        self._rows = rows

    def whole(self) -> np.ndarray:
        self._values.resize(self._rows, refcheck=False)
        return self._values


class _Block(NamedTuple):
    """The bytes of several lines and the positions of their tokens.

    `data` is uint8. `starts` and `ends`, [rows, width], are positions in `data`; `lines`, [rows], are line numbers.
    """

    path: str
    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    lines: np.ndarray

    def token(self, row: int, column: int) -> bytes:
        return self.data[self.starts[row, column] : self.ends[row, column]].tobytes()


def read_columns(source: Source, format: str | None = None) -> Columns:
    """The rows of a run as arrays.

    Columns are separated by spaces or tabs; blank lines are skipped. Rows are not sorted and not checked for repeated
    passages.

    Args:
        format: a name in `FORMATS`, used if the file has that layout's number of columns; otherwise the number of
            columns in the first row decides.

    Raises:
        UserError: names the first line that is not a row of a run.
    """
    layout, guessed, tag, whole = None, True, "", True
    columns = {name: _Column() for name in ("segment_ids", "segment_rows", "passage_ids", "scores", "ranks")}
    for number, data in blocks(source):
        if not (whole := data.endswith(b"\n")):
            data += b"\n"
        block = _split(data, number, str(source.path), layout and FORMATS[layout].width)
        if not len(block.lines):
            continue
        if layout is None:
            width = block.starts.shape[1]
            guessed = format is None or FORMATS[format].width != width
            layout = BY_WIDTH[width] if guessed else format
            if layout == "colbert" and guessed:
                _refuse_judgments(block)
            tag = block.token(0, 5).decode() if layout == "trec" else tag
        for name, part in _parsed(block, layout, guessed).items():
            columns[name].append(part)
    if layout is None:
        raise UserError(f"{source.path}: has no rows; {SHAPES}")
    if layout == "trec" and not whole and len(block.lines):
        _refuse_torn_tag(block, tag)
    found = {name: column.whole() for name, column in columns.items()}
    found["segment_ids"], found["segment_rows"] = _merged(found["segment_ids"], found["segment_rows"])
    return Columns(**found, tag=tag, format=layout, guessed=guessed)


def line_of(source: Source, tokens: dict[int, bytes], nth: int) -> str:
    """`path:line` of the `nth` row whose columns hold `tokens`. Reads the file again, slowly: only for messages."""
    wanted = {column: token.decode() for column, token in tokens.items()}
    for number, line in lines(source):
        row = line.replace("\t", " ").split(" ")
        row = [token for token in row if token]
        if row and all(row[column] == token for column, token in wanted.items()):
            nth -= 1
            if not nth:
                return f"{source.path}:{number}"
    return f"{source.path}"


def _split(data: bytes, number: int, path: str, width: int | None) -> _Block:
    """Finds the tokens of a block and checks that every line that is not blank has `width` of them."""
    refuse_unfit(data, number, path)
    # A newline before and zeros after, so that every token has two edges and fixed-width reads stay within the array.
    array = np.frombuffer(b"".join((b"\n", data, bytes(LONGEST_ID))), np.uint8)
    text = array[1 : len(data) + 1]
    blank = array <= _SPACE
    stray = (text < _SPACE) & (text != _NEWLINE) & (text != _TAB) & (text != _RETURN)
    if stray.any():
        at = int(stray.argmax())
        line = number + data.count(b"\n", 0, at)
        raise UserError(f"{path}:{line}: holds the control byte 0x{text[at]:02x}; the file is damaged, make it again")
    edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    tokens = np.diff(np.searchsorted(starts, np.flatnonzero(text == _NEWLINE) + 1), prepend=0)
    rows = np.flatnonzero(tokens)
    found = tokens[rows]
    expected = width or (int(found[0]) if len(rows) else 6)
    if expected not in BY_WIDTH:
        raise UserError(f"{path}:{number + rows[0]}: {expected} column(s), but {SHAPES}")
    if (found != expected).any():
        row = int((found != expected).argmax())
        raise UserError(
            f"{path}:{number + rows[row]}: {found[row]} column(s), but the rows before have {expected}; fix the line, "
            "or make the file again if it is torn"
        )
    return _Block(path, array, starts.reshape(-1, expected), ends.reshape(-1, expected), number + rows)


def _refuse_judgments(block: _Block) -> None:
    """Refuses four columns as judgments if the second is always 0 or Q0 (the unused iteration), or the third is not a
    rank."""
    unused = all(block.token(row, 1) in (b"0", b"Q0", b"q0") for row in range(len(block.lines)))
    if unused or not _parses(block.token(0, 2), np.int64):
        raise UserError(f"{block.path}:{block.lines[0]}: 4 column(s), but {SHAPES}; these look like judgments")


def _parsed(block: _Block, layout: str, guessed: bool) -> dict[str, np.ndarray]:
    shape = FORMATS[layout]
    query_ids = _gathered(block, 0, LONGEST_ID, "query id")
    first = np.flatnonzero(np.concatenate(([True], query_ids[1:] != query_ids[:-1])))
    ranks = np.zeros(len(query_ids), np.int64) if shape.rank is None else _ranks(block, shape, guessed)
    scores = -ranks.astype(np.float64)
    if shape.score is not None:
        scores = _numbers(block, shape.score, np.float64, "score", "a finite number")
    return {
        "segment_ids": query_ids[first],
        "segment_rows": np.diff(first, append=len(query_ids)),
        "passage_ids": _gathered(block, shape.passage, LONGEST_ID, "passage id"),
        "scores": scores,
        "ranks": ranks.astype(np.int32),
    }


def _ranks(block: _Block, shape: Format, guessed: bool) -> np.ndarray:
    """The column of ranks; for a file without scores the error says what the column may hold instead."""
    alone = shape.score is None
    hint = f"; for rows of {FORMATS['scores'].words}, say --format scores" if alone and guessed else ""
    if hint and not _parses(token := block.token(0, shape.rank), np.int64):
        where = f"{block.path}:{block.lines[0]}: rank '{token.decode()}' is not an integer"
        if _parses(token, np.float64):
            raise UserError(f"{where}{hint}")
        if block.token(0, 0).decode().lower() in HEADER:
            raise UserError(f"{where}; this looks like a header row, as BEIR's judgments have one")
    ranks = _numbers(block, shape.rank, np.int64, "rank", "an integer")
    least = 1 if alone else np.iinfo(np.int32).min
    wrong = (ranks < least) | (ranks > np.iinfo(np.int32).max)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{block.path}:{block.lines[row]}: rank {ranks[row]} is not "
            f"{f'a positive integer; ranks begin at 1{hint}' if alone else 'in the range of 32-bit integers'}"
        )
    return ranks


def _gathered(block: _Block, column: int, longest: int, name: str) -> np.ndarray:
    """One column as a fixed-width 'S' array.

    From the start of each token as many bytes are copied as the longest token has; those past its end are zeroed.
    """
    starts = block.starts[:, column]
    lengths = block.ends[:, column] - starts
    width = int(lengths.max())
    if width > longest:
        row = int(lengths.argmax())
        raise UserError(f"{block.path}:{block.lines[row]}: {name} of {width} bytes; {longest} is the longest allowed")
    windows = np.ndarray((len(block.data) - width + 1,), f"S{width}", block.data, strides=(1,))
    tokens = windows[starts]
    if int(lengths.min()) < width:
        tokens.view(np.uint8).reshape(-1, width)[...] *= np.arange(width) < lengths[:, None]
    return tokens


def _numbers(block: _Block, column: int, dtype: type, name: str, wanted: str) -> np.ndarray:
    """One column parsed as `dtype`; the first token that is not such a number, or not finite, is refused."""
    tokens = _gathered(block, column, _LONGEST_NUMBER, name)
    try:
        values = tokens.astype(dtype)
        good = np.isfinite(values)
    except (ValueError, OverflowError):
        good = np.fromiter((_parses(token, dtype) for token in tokens.tolist()), bool, len(tokens))
    # Python reads 1_0 as ten, but C and Java do not.
    good &= ~(tokens.view(np.uint8).reshape(len(tokens), -1) == _UNDERSCORE).any(axis=1)
    if not good.all():
        row = int(good.argmin())
        value = tokens[row].decode()
        raise UserError(f"{block.path}:{block.lines[row]}: {name} '{value}' is not {wanted}; fix or delete the line")
    return values


def _parses(token: bytes, dtype: type) -> bool:
    try:
        return bool(np.isfinite(np.array([token]).astype(dtype)[0]))
    except (ValueError, OverflowError):
        return False


def _refuse_torn_tag(block: _Block, tag: str) -> None:
    """Refuses a file that ends inside its last tag: the columns are complete, but later rows are probably missing."""
    last = block.token(len(block.lines) - 1, 5).decode()
    if last != tag and tag.startswith(last):
        raise UserError(
            f"{block.path}:{block.lines[-1]}: the file ends inside the tag ('{last}' of '{tag}'); it is torn, "
            "make it again"
        )


def _merged(ids: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joins neighbouring ranges of the same query, which arise where a block ended."""
    first = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    return ids[first], np.add.reduceat(rows, first)
