"""The rows of the bench: what is measured, and its targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.bench.arithmetic import AT_LEAST, AT_MOST
from experiments.bench.scales import Scale
from lce_tf.model.precision import cpu_has_bfloat16

OURS, PEERS = "ours", "peers"
US, TORCH, OPENVINO, FLAG = "lce_tf", "sentence-transformers", "sentence-transformers, OpenVINO", "FlagEmbedding"


@dataclass(frozen=True)
class Job:
    """The work of one process: the environment to run in, and the job for `experiments.bench.worker`."""

    side: str
    job: Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """A figure that the table shows.

    Attributes:
        title: what it is.
        key: of the figure in a round.
        unit: such as "pairs/s".
        direction, target: the figure should be AT_LEAST or AT_MOST the target; None: it is only shown.
        against: labels of jobs; the target is for the ratio to their figures. Empty: it is for the figure itself.
    """

    title: str
    key: str
    unit: str
    direction: str | None = None
    target: float | None = None
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Processes that are measured together, and the checks on their figures.

    Attributes:
        name: for `--only` and for files.
        jobs: label -> job, ours first.
        checks: the figures that the table shows.
        chart: title of a figure and label of its horizontal axis; an empty label: bars with names.
        fresh: start a process for each round.
    """

    name: str
    jobs: Mapping[str, Job]
    checks: tuple[Check, ...] = ()
    chart: tuple[str, str] | None = None
    fresh: bool = False
    rounds: int | None = field(default=None)


def rows(scale: Scale, data: str, base: str, scratch: str, families: Mapping[str, str]) -> list[Row]:
    """Every row at a scale.

    Args:
        data: the prepared folder with the model that is timed.
        base: the one with the model whose memory is measured.
        scratch: folder for the large token store.
        families: name -> the prepared folder with a checkpoint of that family.
    """
    reranking = [*_reranking(scale, data), *(_family(name, folder) for name, folder in families.items())]
    return [*reranking, *_training(scale, data, base), *_inputs(scale, scratch), *_curves(scale, data)]


def _reranking(scale: Scale, data: str) -> list[Row]:
    def job(task: str, variants: list[dict[str, Any]], side: str = PEERS) -> Job:
        return Job(side, {"task": task, "data": data, "variants": variants})

    def row(name: str, title: str, target: float, jobs: dict[str, Job], against: tuple[str, ...]) -> Row:
        return Row(name, jobs, (Check(title, "rate", "pairs/s", AT_LEAST, target, against),))

    peer, flag = "rerank.sentence_transformers", "rerank.flag_embedding"
    batches = [{"batch": batch} for batch in scale.batches]
    precisions = _precisions()
    best = {
        backend: [
            {"backend": backend, "precision": precision, **batch}
            for precision in precisions
            for batch in (batches if precision == precisions[0] else [{"batch": 32}])
        ]
        for backend in ("torch", "openvino")
    }
    return [
        row(
            "rerank_default",
            "rerank, default settings each",
            5.0,
            {US: job("rerank", [{}], OURS), TORCH: job(peer, [{}]), FLAG: job(flag, [{}])},
            (TORCH,),
        ),
        row(
            "rerank_float32",
            "rerank, float32 on both sides",
            1.2,
            {
                US: job("rerank", [{"precision": "float32"}], OURS),
                TORCH: job(peer, batches),
                OPENVINO: job(peer, [{"backend": "openvino", "precision": "float32", **batch} for batch in batches]),
                FLAG: job(flag, batches),
            },
            (TORCH,),
        ),
        row(
            "rerank_best",
            "rerank, best settings each",
            1.5,
            {
                US: job("rerank", [{}, *({"tokens": tokens} for tokens in scale.tokens)], OURS),
                TORCH: job(peer, best["torch"]),
                OPENVINO: job(peer, best["openvino"]),
            },
            (TORCH, OPENVINO),
        ),
        Row(
            "rerank_tricks",
            {US: Job(OURS, {"task": "rerank.tricks", "data": data, "pairs": scale.trick_pairs})},
            chart=("What each device of reranking brings", ""),
        ),
    ]


def _precisions() -> tuple[str, ...]:
    """The precisions that the other tools choose from, the likely best first.

    Where the processor has no instructions for it, PyTorch's bfloat16 is tens of times slower than its float32.
    """
    return ("bfloat16", "float32") if cpu_has_bfloat16() else ("float32",)


def _family(name: str, data: str) -> Row:
    """A public checkpoint of a family, as both sides load it."""
    variants = [{"precision": precision} for precision in _precisions()]
    jobs = {
        US: Job(OURS, {"task": "rerank.family", "data": data}),
        TORCH: Job(PEERS, {"task": "rerank.sentence_transformers", "data": data, "variants": variants}),
    }
    check = Check(f"rerank, {name}, 6 layers of 384", "rate", "pairs/s", against=(TORCH,))
    return Row(f"family_{name.replace('-', '_')}", jobs, (check,))


def _training(scale: Scale, data: str, base: str) -> list[Row]:
    common = {"data": data, "steps": scale.steps}

    def contest(name: str, precision: str, ours: str) -> Row:
        settings = {"batch": scale.groups, "group": scale.members}
        own = {"task": "train", **common, "settings": {**settings, "precision": ours}}
        theirs = {"task": "train.sentence_transformers", **common, "settings": settings, "precision": precision}
        theirs["variants"] = [{}, {"mini_batch_size": -1}]
        title = f"training on groups of {scale.members}, {precision} on both sides"
        check = Check(title, "rate", "pairs/s", AT_LEAST, 1.5, (TORCH,))
        return Row(name, {US: Job(OURS, own), TORCH: Job(PEERS, theirs)}, (check,))

    tricks = {"task": "train.tricks", **common, "settings": {"batch": scale.groups, "group": scale.members}}
    return [
        contest("train_float32", "float32", "float32"),
        contest("train_bfloat16", "bfloat16", "products_bfloat16"),
        Row("train_tricks", {US: Job(OURS, tricks)}, chart=("What each device of training brings", ""), rounds=1),
        _memory("memory", scale, base, (8, 128), "peak memory of a step at n = 128 over that at n = 8"),
        _memory("curve_n", scale, data, scale.curve_members, None),
    ]


def _memory(name: str, scale: Scale, data: str, members: tuple[int, ...], title: str | None) -> Row:
    """Steps with groups of each size, in a process each."""
    jobs = {
        f"n = {n}": Job(
            OURS,
            {
                "task": "train.memory",
                "data": data,
                "length": 128,
                "steps": scale.memory_steps,
                # Set explicitly, since the automatic choice depends on the free memory.
                "settings": {"batch": scale.memory_groups, "group": n, "micro_batch": 16 * 128},
            },
        )
        for n in members
    }
    if title is None:
        return Row(name, jobs, chart=("Training: rate and peak memory of a step", "passages a group (n)"), fresh=True)
    jobs = dict(reversed(jobs.items()))
    checks = (
        Check(f"{title}, tensors", "peak_mb", "MiB", AT_MOST, 1.1, (f"n = {members[0]}",)),
        Check(f"{title}, resident", "resident_mb", "MiB", AT_MOST, 1.1, (f"n = {members[0]}",)),
    )
    return Row(name, jobs, checks, fresh=True, rounds=1)


def _inputs(scale: Scale, scratch: str) -> list[Row]:
    groups = {"groups": 16, "members": 8}
    padding = {"task": "padding", **groups, "steps": scale.counted_steps}
    packing = {"task": "packing", **groups, "steps": scale.packed_steps}
    packing |= {"passages": scale.packed_passages, "queries": scale.packed_passages // 10}
    store = {"task": "store", "folder": scratch, "passages": scale.store_passages}
    tokenised = {"task": "tokenise", "dataset": scale.dataset, "texts": scale.tokenised_texts}
    size = f"{scale.store_passages / 1e6:g}M passages"
    return [
        Row(
            "padding",
            {US: Job(OURS, padding)},
            (Check("wordpieces computed over those there in training, n = 8", "value", "×", AT_MOST, 1.15),),
            chart=("Wordpieces computed over those there, MS MARCO's lengths, 16 groups of 8", ""),
            rounds=1,
        ),
        Row(
            "padding_rerank",
            {US: Job(OURS, {"task": "padding.rerank", "pairs": scale.counted_pairs})},
            chart=("Wordpieces computed over those there in reranking, MS MARCO's lengths", ""),
            rounds=1,
        ),
        Row(
            "packing",
            {US: Job(OURS, packing)},
            (Check("packed pairs from the token store", "value", "pairs/s", AT_LEAST, 40_000),),
        ),
        Row(
            "tokenise",
            {US: Job(OURS, tokenised)},
            (Check("passages to a token store", "value", "passages/s", AT_LEAST, 10_000),),
        ),
        Row(
            "store",
            {US: Job(OURS, store)},
            (
                Check(f"open a token store of {size}", "open_s", "s", AT_MOST, 1.0),
                Check(f"look a million ids up in {size}", "look_up_s", "s"),
                Check(f"memory of a store of {size} in use", "memory_mb", "MiB", AT_MOST, 300),
                Check("the same without the mapped file's pages", "own_mb", "MiB", AT_MOST, 300),
            ),
            fresh=True,
        ),
    ]


def _curves(scale: Scale, data: str) -> list[Row]:
    def curve(name: str, axis: str, **settings: Any) -> Row:
        job = {"task": f"rerank.{name}", "data": data, "pairs": scale.trick_pairs, **settings}
        return Row(f"curve_{name}", {US: Job(OURS, job)}, chart=("Reranking: rate", axis))

    return [
        curve("lengths", "wordpieces a pair", lengths=scale.curve_lengths),
        curve("batches", "wordpieces a batch", tokens=scale.curve_tokens),
        curve("shards", "processes", shards=(1, 2, 4, 8, 16)),
    ]
