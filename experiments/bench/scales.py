"""Sizes of the bench: full (20 minutes on two cores), or a quick check that everything works."""

from dataclasses import dataclass

from experiments.bench.families import FAMILIES


@dataclass(frozen=True)
class Scale:
    """Sizes of the measurements.

    Attributes:
        rounds: of each row, except for rows that count instead of timing.
        model, memory_model: see `experiments.bench.weights.write_models`.
        dataset: where texts come from.
        pairs, trick_pairs: pairs to rerank in a round, against other tools and with variants of ours.
        families, family_pairs: see `experiments.bench.families`; pairs to rerank by each.
        batches: pairs a batch that the other tools may choose from.
        tokens: wordpieces a batch that we may choose from, besides the default.
        groups, members: groups a training step and passages a group.
        steps: training steps that are timed.
        memory_groups, memory_steps: groups a step, and steps, where memory is measured.
        counted_steps, counted_pairs: training steps, and numbers of pairs to rerank, whose padding is counted.
        packed_steps, packed_passages: training steps, and passages in the store, where packing is timed.
        tokenised_texts: passages to tokenise.
        store_passages: in the large token store.
        curve_members, curve_lengths, curve_tokens: where curves are measured.
    """

    rounds: int = 3
    model: str = "minilm"
    memory_model: str = "electra-base"
    dataset: str = "pydocs"
    pairs: int = 4000
    trick_pairs: int = 1000
    families: tuple[str, ...] = tuple(FAMILIES)
    family_pairs: int = 1000
    batches: tuple[int, ...] = (16, 32, 64, 128)
    tokens: tuple[int, ...] = (2048, 8192, 16384)
    groups: int = 8
    members: int = 8
    steps: int = 6
    memory_groups: int = 2
    memory_steps: int = 2
    counted_steps: int = 300
    counted_pairs: tuple[int, ...] = (16384, 4000, 1000, 100)
    packed_steps: int = 1000
    packed_passages: int = 1_000_000
    tokenised_texts: int = 40_000
    store_passages: int = 8_841_823
    curve_members: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128)
    curve_lengths: tuple[int, ...] = (32, 64, 128, 256, 512)
    curve_tokens: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16384, 32768)


FULL = Scale()
QUICK = Scale(
    rounds=2,
    model="tiny",
    memory_model="tiny",
    pairs=48,
    trick_pairs=48,
    families=("distilbert",),
    family_pairs=48,
    batches=(16, 32),
    tokens=(2048,),
    groups=2,
    members=4,
    steps=2,
    counted_steps=4,
    counted_pairs=(1000, 100),
    packed_steps=10,
    packed_passages=2_000,
    tokenised_texts=500,
    store_passages=20_000,
    curve_members=(2, 8),
    curve_lengths=(32, 128),
    curve_tokens=(512, 4096),
)
