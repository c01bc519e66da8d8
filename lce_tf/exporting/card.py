"""The model card of an exported cross-encoder: how to load it, how it cuts pairs, what it was trained on."""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from lce_tf.data import irds
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import MEAN, figure_name, measure_names
from lce_tf.model import hub
from lce_tf.model.checkpoint import Trained

# Name of a family's own head -> how it computes a linear head, for the card.
CARRIED = {
    "dense": "gelu(z) - gelu(-z) = z",
    "relu": "relu(z) - relu(-z) = z",
    "pooler": "a sum of tanh(k e z) / e for k = 1 to 4 with e = 2^-8, which is z to float32's precision",
}
# Settings of a training that the card shows, in this order.
SHOWN = (
    "dataset", "split", "run", "negatives_depth", "backbone", "recipe", "loss", "group", "batch", "steps",
    "learning_rate", "warmup", "decay", "head", "query_length", "sequence_length", "passage_length", "sampling",
    "positives", "seed", "precision",
)  # fmt: skip
# Further settings, which the card shows unless they have this value.
UNUSED = {
    "layers": 0, "loss_options": "", "teacher": None, "group_positives": 1, "hardest": 0, "r_drop": 0,
    "weight_decay": 0, "clip_norm": 0,
}  # fmt: skip
PUBLIC = {**hub.ALIASES, "minilm": "sentence-transformers/all-MiniLM-L6-v2"}

USAGE = """\
```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("{name}")
scores = model.predict([("how far is the moon", "The moon is 384,400 km away."), ("how far is the moon", "Cheese.")])
```

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{name}")
model = AutoModelForSequenceClassification.from_pretrained("{name}").eval()
queries, passages = ["how far is the moon"] * 2, ["The moon is 384,400 km away.", "Cheese."]
inputs = tokenizer(queries, passages, padding=True, truncation={truncation}, return_tensors="pt")
with torch.no_grad():
    scores = {scores}
```

```python
from lce_tf import Reranker

ranked = Reranker.load("{name}").rank("how far is the moon", ["The moon is 384,400 km away.", "Cheese."])
```
"""
# For sequence-to-sequence rerankers: the last program of `USAGE`, and how to get the score in transformers.
ANSWERS_USAGE = (
    USAGE[USAGE.rindex("```python") :]
    + """
A text is `Query: QUERY Document: PASSAGE Relevant:`; the tokenizer adds its end token, but not the prompt.
In transformers it is an `AutoModelForSeq2SeqLM`: the score is the logit of "{yes}" less that of "{no}" at the decoder's
first step, after the start token alone.
"""
)


def model_card(
    name: str,
    about: Trained,
    training: Mapping[str, Any],
    manifest: Mapping[str, Any],
    measured: list[dict],
    license: str,
    words: Collection[str] = (),
) -> str:
    """The text of `README.md`.

    Args:
        name: name of the folder that holds the card.
        about: the checkpoint's encoder configuration, scoring and lengths.
        training: the settings of the training; empty if unknown.
        manifest: the training's manifest, for departures from its recipe and versions; empty if unknown.
        measured: lines of the training's metrics that measure the dev sample, in the order of their steps.
        license: SPDX identifier.
        words: the two answers of a sequence-to-sequence model, not relevant and relevant.

    Raises:
        UserError: the licence is not an SPDX identifier.
    """
    check_license(license)
    config = about.config
    title = f"{config.family.title} cross-encoder, {config.num_hidden_layers} layers of {config.hidden_size}"
    scores = "model(**inputs).logits[:, 0]"
    if about.scoring.activation in ("sigmoid", "tanh"):
        scores = f"torch.{about.scoring.activation}({scores})"
    truncation = "True" if about.lengths.cut == "longest" else '"only_second"'
    usage = USAGE.format(name=name, scores=scores, truncation=truncation)
    if words:
        no, yes = words
        usage = ANSWERS_USAGE.format(name=name, no=no, yes=yes)
    return "\n".join(
        [
            *_front_matter(name, training, manifest, measured, license.lower()),
            f"# {title}\n",
            "It scores how relevant a passage is to a query: the higher, the more relevant. Use it to reorder what a",
            "first stage (BM25, a dense retriever) has found.\n",
            f"## How to load it\n\n{usage}",
            f"## How pairs are cut\n\n{_cutting(about)}\n",
            *_caveats(about),
            f"## Training\n\n{_training(training, manifest)}\n",
            f"## Scores\n\n{_scores(training, measured)}\n",
            f"## Licence\n\n`{license}`. The weights derive from the backbone and the data named above; mind theirs.",
            "",
        ]
    )


def check_license(license: str) -> None:
    """Raises UserError unless `license` has the form of an SPDX identifier."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", license):
        raise UserError(f"--license {license!r}: give an identifier such as apache-2.0, mit or other")


def _front_matter(
    name: str, training: Mapping[str, Any], manifest: Mapping[str, Any], measured: list[dict], license: str
) -> list[str]:
    lines = ["---", f"license: {license}", "library_name: sentence-transformers", "pipeline_tag: text-ranking"]
    base, _ = hub.revised(str(training.get("backbone")))
    # A local folder would make a dead link, and may look like an id; a manifest has the commit of a model of the hub.
    local = bool(manifest) and base not in PUBLIC and "backbone_commit" not in manifest
    base = PUBLIC.get(base, base)
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", base) and not local:
        lines.append(f"base_model: {base}")
    dataset = str(training.get("dataset", ""))
    on_hub, language = (irds.hub_name(dataset), irds.language(dataset)) if dataset else (None, None)
    if on_hub:
        lines += ["datasets:", f"- {on_hub}"]
    if language:
        lines.append(f"language: {json.dumps(language)}")  # no, Norwegian, is false in YAML
    lines += ["tags:", "- sentence-transformers", "- cross-encoder", "- reranker"]
    if line := _chosen(training, measured):
        measure = measure_names(training.get("dev_measure", "MRR@10"))[0]
        sample = f"{_shown(dataset)}, {training.get('dev_split')}: {training.get('dev_queries')} queries"
        result = {
            "task": {"type": "text-ranking"},
            "dataset": {"name": sample, "type": on_hub or _shown(dataset)},
            "metrics": [{"type": measure.lower(), "name": measure, "value": round(line[figure_name(measure)], 4)}],
        }
        # JSON is YAML.
        lines.append(f"model-index: {json.dumps([{'name': name, 'results': [result]}], ensure_ascii=False)}")
    return [*lines, "---", ""]


def _cutting(about: Trained) -> str:
    lengths = about.lengths
    if lengths.cut == "longest":
        return (
            f"A pair has at most {lengths.sequence} tokens (the tokenizer's `model_max_length`); the longer of\n"
            "its two texts gives way first."
        )
    if about.config.family.answers:
        lines = [
            f"A prompt with its two texts has at most {lengths.sequence} wordpieces (the tokenizer's",
            f"`model_max_length`), of which a query keeps {lengths.query}; only the passage gives way, so that the end",
            "of the prompt stays.",
        ]
    else:
        same = min(lengths.query, (lengths.sequence - 3) // 2)
        lines = [
            f"A pair is `[CLS] query [SEP] passage [SEP]`, at most {lengths.sequence} wordpieces (the tokenizer's",
            f"`model_max_length`), of which a query keeps {lengths.query}; only the passage gives way. Tools that cut",
            f"the longer text first do the same for queries of up to {same} wordpieces; cut longer ones yourself. A",
            "text that spells a special token, such as `[SEP]`, is text to lce_tf and a boundary to Hugging Face's",
            "tokenizers.",
        ]
    if lengths.passage is not None:
        lines.append(f"A passage keeps at most {lengths.passage} wordpieces, which other tools have to be told.")
    if lengths.windows > 1:
        lines.append(
            f"A document counts by the best of up to {lengths.windows} such passages, {lengths.stride} wordpieces\n"
            "apart (MaxP); other tools score its beginning."
        )
    return "\n".join(lines)


def _caveats(about: Trained) -> list[str]:
    lines = []
    if about.scoring.head == "linear" and (how := CARRIED.get(about.config.family.head)):
        lines.append(
            f"The score is one linear unit on [CLS], carried through this architecture's two layers by {how}.\n"
            "To train on, start from the encoder with a new head: most units of the inner layer are zero."
        )
    if about.scoring.outputs == 2:
        lines.append("It was trained with two logits, whose ranking score is the one logit here.")
    if about.scoring.dtype == "float16":
        lines.append("Its own runs round scores to float16 before sorting; here they are not rounded.")
    return ["\n".join(lines) + "\n"] if lines else []


def _training(training: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    if not training:
        return "The checkpoint that this was made from says nothing of its training."
    names = [name for name in SHOWN if training.get(name) is not None]
    names += [name for name, unused in UNUSED.items() if training.get(name, unused) != unused]
    rows = [f"| {name} | {_shown(training[name])} |" for name in names]
    parts = ["\n".join(["| setting | value |", "| --- | --- |", *rows])]
    if departures := manifest.get("departures"):
        recipe = manifest.get("recipe", "paper")
        told = [f"{name} {_shown(d.get('here'))} (not {_shown(d.get(recipe))})" for name, d in departures.items()]
        parts.append(f"Departures from the {recipe} recipe: {', '.join(told)}.")
    if versions := manifest.get("versions"):
        parts.append(f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items() if version)}.")
    return "\n\n".join(parts)


def _scores(training: Mapping[str, Any], measured: list[dict]) -> str:
    measures = measure_names(training.get("dev_measure", "MRR@10"))
    line = _chosen(training, measured)
    if line is None:
        return "None were measured during training. `lce rerank` and `lce evaluate` measure them on a run of yours."
    values = ", ".join(f"{each} {line[figure_name(each)]:.4f}" for each in measures if figure_name(each) in line)
    return (
        f"{values} on {training.get('dev_queries', '?')} queries of "
        f"{_shown(training.get('dev_run'))},\n"
        f"its top {training.get('dev_depth', '?')} reranked (step {line.get('step')})."
    )


def _chosen(training: Mapping[str, Any], measured: list[dict]) -> dict | None:
    """The line that measures the weights of the checkpoint: the best if those were kept, else the last; None: none."""
    measure = measure_names(training.get("dev_measure", "MRR@10"))[0]
    name = figure_name(measure)
    measured = [row for row in measured if name in row]
    if training.get("keep") == "best":
        return max(measured, key=lambda row: row.get(figure_name(measure, MEAN), row[name]), default=None)
    return measured[-1] if measured else None


def _shown(value: Any) -> str:
    """A setting as the text of a table cell: `|` is escaped, and an absolute path is shortened to its last part."""
    text = PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else str(value)
    return text.replace("|", "\\|")
