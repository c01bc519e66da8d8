"""docs/families.md is made of the families' records; `python -m tests.docs.test_families` writes it anew."""

from pathlib import Path

from lce_tf.model.families import FAMILIES, Family
from lce_tf.model.families.keys import COMMON

PAGE = Path(__file__).parents[2] / "docs" / "families.md"
HEAD = """# Families of encoders

Written from `lce_tf/model/families` by `python -m tests.docs.test_families`; do not edit.

A cross-encoder or a backbone of any of these families is scored, trained and exported. Scores and gradients of each are
compared with transformers' own classes in `tests/model/test_families.py`: 1e-5 in float32, in padded batches, in
packed rows and in graphs with open shapes. All engines run all of them; the fused kernels for NVIDIA GPUs serve those
with plain attention and norms after their sums, the others compute the same in TensorFlow's operations.

{families}

The head is what `--head` is to name if the trained model is to be exported to Hugging Face's layout; where it says "or
linear", a checkpoint trained with `--head linear` can be exported as well.

XLM-R reads a hundred languages. Before it, the first stage has to know the texts' language as well: `lce retrieve bm25
--language` ([other languages](your-own-data.md#other-languages)), or a multilingual encoder for `lce retrieve dense`.

Weights are read from `model.safetensors`, `pytorch_model.bin` (as arrays, nothing is executed) and `tf_model.h5`, in
that order, and from several files with an index. Names may stand under `model.` or `module.`.

Refused by name: decoders (Qwen3-Reranker, bge-reranker-v2-gemma; sentence-transformers' CrossEncoder and vLLM run
them), late interaction (PyLate runs it), DeBERTa's first version, and checkpoints that bring Python code of their own.

## Keys of `config.json`

A key is *used* if it changes a score and is read; *refused* if other values than those named would change a score and
are not supported; *irrelevant* if it changes no score, for the reason given. transformers reads no other keys for these
families.

### Any family

{common}
"""


def page() -> str:
    """The page as it should be."""
    text = HEAD.format(families=families(), common=keys(COMMON))
    return text + "".join(f"\n### `{name}`\n\n{keys(family.keys)}\n" for name, family in sorted(FAMILIES.items()))


def families() -> str:
    """A row for each family."""
    rows = ["| `model_type` | Family | Class | Attention | Norms | Head |", "| --- | --- | --- | --- | --- | --- |"]
    for name, family in sorted(FAMILIES.items()):
        norms = "before" if family.before else "after"
        cells = (f"`{name}`", family.help, f"`{family.architecture}`", family.attention, norms, head(family))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def head(family: Family) -> str:
    """The heads that an export carries."""
    carries = family.head in ("dense", "relu", "pooler")
    return f"{family.head} or linear" if carries else family.head


def keys(table) -> str:
    """A row for each key, those with the same outcome in one."""
    rows = {}
    for key in table:
        rows.setdefault((key.outcome, key.why), []).append(f"`{key.name}`")
    lines = [f"| {', '.join(names)} | {outcome} | {why} |" for (outcome, why), names in rows.items()]
    return "\n".join(["| Key | Outcome | Why |", "| --- | --- | --- |", *lines])


def test_the_page_has_the_families_as_they_are():
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
