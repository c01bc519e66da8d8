"""docs/checkpoints.md is made of the tables themselves; `python -m tests.docs.test_checkpoints` writes it anew."""

from pathlib import Path

from lce_tf.model.checkpoint_settings import TABLES, Setting

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
HEAD = """# Public cross-encoders

`Reranker.load(NAME)` and `--checkpoint NAME` take cross-encoders that others trained, as a folder or as an id of
Hugging Face's hub. `ID@REVISION` is the model at a branch, tag or commit, for backbones and encoders as well:
`--checkpoint cross-encoder/ms-marco-MiniLM-L6-v2@main`. Pin a commit where scores must not change: an id alone is the
newest commit. Manifests record the name as given and, of models in Hugging Face's cache, the commit. Scores are those
of `sentence_transformers.CrossEncoder(NAME).predict` (of monoT5, for a T5), to a rounding error, or the folder is
refused by one line that names what is not supported. A note on stderr says where a score means something else than in
sentence-transformers.

- **How a pair is framed** is found by asking the folder's own tokenizer once: special tokens before, between and
  after the two texts, their order, and token types. WordPiece, byte-level BPE and Unigram are read by the
  `tokenizers` library; a folder with an older vocabulary alone (`vocab.txt`, `spiece.model`, `merges.txt`) is
  converted when it is opened.
- **A text that contains a special token's name**, such as `[SEP]`, gets that token there, as in transformers.
  `--special-words text` makes it text like any other, so that a passage cannot end itself.
- **sentence-transformers' own files** count only beside a `modules.json`, in a folder that calls itself a
  CrossEncoder.
- **Modules after the head** are used where they are linear, and refused otherwise.

## Settings

Each key that transformers 5 and sentence-transformers 6 read is used, irrelevant to a score, or refused. A refused
key may be null, false, empty, or a value named beside it. A key that is in no table and holds something may change
scores, and is refused unless `--trust-settings` (`trust_settings=True`) is given. Where [the families'
page](families.md) lists a key of `config.json` for the model's family, that counts instead of the table below; a key
that only other families read is irrelevant. Keys of `tokenizer_config.json`, `special_tokens_map.json`,
`added_tokens.json` and `tokenizer.json` are all used: transformers' own tokenizer reads them. Of the truncation and
padding in `tokenizer.json` only the side counts, as there.
"""


def page() -> str:
    """The page as it should be."""
    return HEAD + "".join(f"\n### {name}\n\n{_rows(table)}" for name, table in TABLES.items())


def _rows(table: tuple[Setting, ...]) -> str:
    """One row for all keys that share an outcome and a reason."""
    together: dict[tuple, list[str]] = {}
    for one in table:
        outcome = one.outcome + "".join(f", unless `{value}`" for value in one.unless[:1])
        outcome += "".join(f" or `{value}`" for value in one.unless[1:])
        together.setdefault((outcome, one.why), []).append(f"`{one.key}`")
    rows = [f"| {', '.join(keys)} | {outcome} | {why} |" for (outcome, why), keys in together.items()]
    return "\n".join(["| Key | Outcome | Why |", "| --- | --- | --- |", *rows, ""])


def test_the_page_has_the_tables_as_they_are():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_key_is_decided_once_in_its_table():
    for name, table in TABLES.items():
        keys = [one.key for one in table]
        assert len(keys) == len(set(keys)), name


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
