"""Whether a serving figure lies inside what was ever validated: how far measured cases reach, and where it goes beyond.

Each quantity and choice is looked at by itself: a deployment inside may still combine what no case combined.
"""

from collections.abc import Callable, Iterator, Mapping

from polysilicon.facts import Catalogue
from polysilicon.facts.domains import Domain
from polysilicon.facts.hardware import Chip
from polysilicon.performance.domain import recorded, unseen
from polysilicon.performance.serving_candidates import Asked
from polysilicon.records.units import GIGA
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import LinearAttention, StateSpace, Transformer

QUANTITIES: Mapping[str, tuple[Callable[[Asked], float], str]] = {
    "input_tokens": (lambda asked: asked.input_tokens, "{:,.0f} tokens in"),
    "output_tokens": (lambda asked: asked.output_tokens, "{:,.0f} tokens out"),
    "concurrency": (lambda asked: asked.concurrency, "{:,.0f} in flight"),
    "chips": (lambda asked: float(asked.layout.chips), "{:,.0f} chips"),
    "billion_weights": (lambda asked: float(Shape.of(asked.model).weights) / GIGA, "{:,.3g} billion weights"),
}


def choices(asked: Asked) -> tuple[str, ...]:
    """What a deployment chooses that no amount says: software, format of the weights, kind of model, how it decodes."""
    drafted = ("speculative decoding",) if asked.layout.draft_tokens else ()
    stages = ("pipeline stages",) if asked.layout.pp > 1 else ()
    experts = ("experts",) if asked.model.experts else ()
    said = f"engine {asked.engine.id}", f"weights in {asked.layout.precision}"
    return (*said, *mixers(asked.model), *experts, *stages, *drafted)


def mixers(model: Transformer) -> tuple[str, ...]:
    """What a model has beside plain attention and experts as wide as it is, in words."""
    has = {
        "latent attention": model.latent,
        "compressed attention": model.compressed,
        "sparse attention": model.index,
        "linear attention": isinstance(model.linear, LinearAttention),
        "state spaces": isinstance(model.linear, StateSpace),
        "experts narrower than the model": model.expert_latent,
    }
    return tuple(word for word, present in has.items() if present)


def outside(catalogue: Catalogue, asked: Asked) -> tuple[str, ...]:
    """Why a deployment lies outside what was validated; nothing where it lies inside.

    Quantities and choices are held against the measured cases of every chip; of the chip itself and its family, that
    any were measured.

    Raises:
        UnknownName: no chip is called so.
    """
    known = recorded(catalogue, "serving")
    every, chip = known.get(("all", "all")), catalogue.get(Chip, asked.cluster.chip)
    return (*_too_long(asked), *unseen(chip, known), *(_beyond(asked, every) if every else ()))


def _too_long(asked: Asked) -> Iterator[str]:
    """A sequence that the model's own file does not allow, and that is served by stretching its positions alone."""
    tokens, most = asked.input_tokens + asked.output_tokens, asked.model.positions
    if 0 < most < tokens:
        yield f"{tokens:,.0f} tokens of a request: {asked.model.name} states {most:,} positions"


def _beyond(asked: Asked, every: Domain) -> Iterator[str]:
    """Amounts that no case reaches, and choices that none made."""
    for name, (of, said) in QUANTITIES.items():
        low, high = every.reach[name]
        value = of(asked)
        if not low <= value <= high:
            word, end = ("largest", high) if value > high else ("smallest", low)
            yield f"{said.format(value)}: {word} measured {end:,.6g}"
    yield from (f"{one}: in no measured case" for one in choices(asked) if one not in every.choices)
