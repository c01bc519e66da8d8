"""Published trainings as data: what each fixes, where that comes from, and the figure that it was published with.

A recipe is one or several stages, each the settings that differ from `TrainConfig`'s defaults, which are the paper's.
`lce train --recipe NAME --plan` prints one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lce_tf.errors import UserError

# As a stage's run: the one that is given as the teacher.
TEACHER = "--teacher"


@dataclass(frozen=True)
class Recipe:
    """One published training.

    Attributes:
        help: one line.
        source: where it was published.
        published: the figure to compare with, and for what.
        needs: the files that the command names.
        stages: settings of each stage; the next one starts from what the last has trained. A run that is `TEACHER` is
            the file given as the teacher's scores.
        remarks: what is not as published, or is not said there.
        alias: another name.
    """

    help: str
    source: str
    published: str
    needs: str
    stages: tuple[Mapping[str, Any], ...] = ({},)
    remarks: tuple[str, ...] = ()
    alias: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it fixes the loss as well, so that presets and tables, which vary that, cannot follow it."""
        return len(self.stages) > 1 or "loss" in self.stages[0]


# Setting -> (value under "released", where it comes from). Values under "paper" are TrainConfig's defaults.
RELEASED: dict[str, tuple[Any, str]] = {
    "steps": (30_000, "10 iterations of 48,000 training examples in batches of 16"),
    "decay": ("inverse", "trainer decay 0.1: rate / (1 + 0.1 k) in the k-th iteration after the warm-up"),
    "head_rate": ("constant", "the schedule is applied to the encoder only; the head stays at the peak rate"),
    "sampling": ("replacement", "negatives are drawn independently of each other"),
    "positives": ("run", "positives are drawn among those in the training run; a query with none is dropped"),
    "head": ("dense", "dropout, dense layer, GELU, dropout, two logits; scores are logit 1 as it is"),
    "passage_length": (150, "passages are cut to 150 wordpieces before packing"),
    "padding_segment": (1, "segment ids are 1 up to the end of the sequence, padding included"),
    "ce_pairs": ("alternating", "a query's positive, then a negative of the same query"),
    "ce_batch": (32, "cross entropy takes 32 pairs a step, 16 of them positive"),
    "score_dtype": ("float16", "scores are cast to float16 before a stable sort"),
}

_PAPER = Recipe(
    help="section 4.2 of the paper",
    source='Pradeep et al., "Squeezing Water from a Stone: A Bag of Tricks for Further Improving Cross-Encoder '
    'Effectiveness for Reranking", ECIR 2022, section 4.2',
    published="MRR@10 .401 on MS MARCO's dev queries, LCE with n = 8 on TCT-ColBERTv2's negatives; .414 with n = 32",
    needs="--run: the first stage's run of the training queries, BM25 or TCT-ColBERTv2",
    alias="squeezing-water",
)
_RELEASED = Recipe(
    help=f"its released code, {len(RELEASED)} settings differ",
    source="castorini/replicate-lce on a fork of Capreolus",
    published="the paper's figures; which settings made them is not known",
    needs="--run: as for paper",
    stages=({name: value for name, (value, _) in RELEASED.items()},),
    alias="released-code",
)
_SIMLM = Recipe(
    help="SimLM's reranker: 64 passages a group, R-Drop",
    source='Wang et al., "SimLM: Pre-training with Representation Bottleneck for Dense Passage Retrieval", ACL 2023, '
    "and simlm/scripts/train_reranker_marco.sh of microsoft/unilm",
    published="MRR@10 .438 on MS MARCO's dev queries, ELECTRA base",
    needs="--dataset: MS MARCO with each passage's title before its text; --run: the dense retriever's top 200",
    stages=(
        {
            "loss": "lce",
            "group": 64,
            # The positive and 15 negatives: a quarter of the group, by their forward factor of 4.
            "hardest": 15,
            # Their 0.5 (KL + KL) beside the mean of two losses is a quarter of twice that.
            "r_drop": 2.0,
            "batch": 64,
            "steps": 23_575,
            "learning_rate": 3e-5,
            "warmup": 1000 / 23_575,
            "sequence_length": 192,
            "clip_norm": 1.0,
        },
    ),
    remarks=(
        "Batch: their script has 8 groups a GPU and does not say how many GPUs; 8 are assumed. Steps: 3 epochs of "
        "502,939 queries.",
        "The loss counts the positive and, of 63 negatives, the 15 with the highest scores (forward factor 4). Their "
        "code chooses by scores without dropout and computes only the chosen ones again; here the scores under the "
        "first dropout mask choose, and all 64 are computed.",
        "Clipping to a norm of 1 and no weight decay are the defaults of Hugging Face's Trainer, which it uses.",
    ),
)
_RANK_DISTILLM = Recipe(
    help="Rank-DistiLLM: LCE first, then RankNet on a language model's ranking",
    source='Schlatt et al., "Rank-DistiLLM: Closing the Effectiveness Gap Between Cross-Encoders and LLMs for Passage '
    'Re-Ranking", ECIR 2025',
    published="nDCG@10 .770 and .770 on TREC DL 2019 and 2020, reranking ColBERTv2's run",
    needs="--run: ColBERTv2's top 200 of the training queries; --teacher: a run with the language model's ranking of "
    "the top 100",
    stages=(
        {
            "loss": "lce",
            "group": 8,
            "batch": 32,
            "steps": 20_000,
            "learning_rate": 1e-5,
            "weight_decay": 0.01,
        },
        {
            "loss": "ranknet",
            "run": TEACHER,
            "positives": "none",
            "group": 100,
            "negatives_depth": 100,
            "batch": 32,
            "steps": 938,
            "learning_rate": 1e-5,
            "weight_decay": 0.01,
        },
    ),
    remarks=(
        "Steps of the second stage: 3 epochs of 10,000 ranked queries; give --stage 2 --steps for another number.",
        "Weight decay is that of PyTorch's AdamW by default; the warm-up and the second stage's batch are assumed.",
    ),
)
_ETTIN = Recipe(
    help="the Ettin rerankers: nothing but the squared error of a large teacher's logits",
    source='Aarsen, "Introducing the Ettin Reranker Family", Hugging Face 2026; the size of 150M parameters',
    published="nDCG@10 .599 on MTEB(eng, v2) Retrieval, mean over six first stages; the teacher has .612",
    needs="--run: the passages to learn from; --teacher: the same run with the teacher's raw logits (lce score)",
    stages=(
        {
            "backbone": "jhu-clsp/ettin-encoder-150m",
            "loss": "mse",
            "run": TEACHER,
            "positives": "none",
            "group": 1,
            "negatives_depth": 64,
            "batch": 192,
            "steps": 746_841,
            "learning_rate": 1.5e-5,
            "warmup": 0.03,
            "sequence_length": 512,
            "clip_norm": 1.0,
        },
    ),
    remarks=(
        "Steps: one epoch of their 143,393,475 pairs. They took 64 candidates of a query; here the top 64 of the run.",
        "Their head has a dense layer, GELU and a norm before the score; here it is linear. Their length is not said.",
        "They kept the best checkpoint by nDCG@10 over NanoBEIR: --keep best --dev-measure nDCG@10 --dev-also.",
        "Learning rate and batch of the other sizes: 17M 2.4e-4 and 1024, 32M 1.2e-4 and 512, 68M 3e-5 and 256, 400M "
        "7e-6 and 256, 1B 3e-6 and 512.",
    ),
)
_MODERN_BASE = Recipe(
    help="rank-distillm's two stages on ModernBERT base",
    source="a combination of our own: Warner et al. 2024 for the backbone, Schlatt et al. 2025 for the stages",
    published="none, and it has not been measured here either",
    needs=_RANK_DISTILLM.needs,
    stages=({**_RANK_DISTILLM.stages[0], "backbone": "answerdotai/ModernBERT-base"}, _RANK_DISTILLM.stages[1]),
    remarks=(
        "Which loss of the second stage is best has not been measured; --stage 2 --loss kl, adr-mse or mse are others.",
        "For DeBERTa-v3 give --backbone microsoft/deberta-v3-base.",
    ),
)

RECIPES: dict[str, Recipe] = {
    "paper": _PAPER,
    "released": _RELEASED,
    "simlm": _SIMLM,
    "rank-distillm": _RANK_DISTILLM,
    "ettin": _ETTIN,
    "modern-base": _MODERN_BASE,
}
ALIASES: dict[str, str] = {recipe.alias: name for name, recipe in RECIPES.items() if recipe.alias}
NAMES = (*RECIPES, *ALIASES)


def known_recipe(name: str) -> str:
    """The key in `RECIPES` that a recipe's name or alias stands for.

    Raises:
        UserError: no recipe has this name.
    """
    if name not in NAMES:
        raise UserError(f"--recipe {name!r}: known are {', '.join(NAMES)}")
    return ALIASES.get(name, name)


def check_stage(recipe: str, stage: int) -> None:
    """Checks that a recipe has a stage of this number.

    Raises:
        UserError: it has fewer.
    """
    count = len(RECIPES[recipe].stages)
    if not 1 <= stage <= count:
        raise UserError(f"--stage {stage}: --recipe {recipe} has {count}")
