"""A result beyond what was measured says so, and one within does not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.facts.domains import Domain
from polysilicon.performance import Cluster, Layouts, Recipe, estimate_training
from polysilicon.performance.domain import CHOICES, QUANTITIES, Asked, columns, outside
from polysilicon.performance.layouts import SCHEDULES
from polysilicon.workloads import Training, transformer
from polysilicon.workloads.counts import Shape

CATALOGUE = load()
A100 = "nvidia-a100-sxm-80gb"
ALL = CATALOGUE.get(Domain, "training-cases-all")


def asked(recipe: Recipe | None = None, sequence: float = 2048.0, **cut: float | str) -> Asked:
    model = transformer(CATALOGUE, "llama-3.1-70b")
    layout = Layouts.one(**({"tp": 8, "pp": 4, "dp": 8, "sequence_parallel": 1} | cut))  # type: ignore[arg-type]
    return Asked(Shape.of(model), sequence, layout, recipe or Recipe())


def reasons(one: Asked, chip: str = A100, mfu_pct: float = 40.0) -> tuple[str, ...]:
    return outside(CATALOGUE, chip, one, mfu_pct)[0]


def test_what_was_measured_lies_inside() -> None:
    assert reasons(asked()) == ()
    assert reasons(asked(shard=4)) == ()
    assert reasons(asked(Recipe(tensor_hidden=0.0))) == ()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (asked(dp=4096), "chips: largest measured"),
        (asked(sequence=2**22), "a sequence of 4,194,304 tokens: largest measured"),
        (asked(tp=64), "tp 64: largest measured 16"),
        (asked(tp=16), "tp 16: largest measured on ampere 8"),
        (asked(schedule="zero_bubble"), "zero-bubble schedule: no measured case"),
        (asked(Recipe(frozen=1.0, weight_bytes=0.52)), "weights in fewer than eight bits: no measured case"),
        (asked(offload_optimizer=0.5), "optimizer offload: no measured case"),
        (asked(cp=2, context="all_to_all"), "all-to-all context parallelism: no measured case"),
        (asked(offload_weights=0.5), "weight offload: no measured case"),
        (asked(Recipe(sparse=1.0)), "2:4 sparsity: no measured case"),
        (asked(Recipe(imbalance=1.5)), "uneven experts: no measured case"),
        (asked(Recipe(dual_batch=1.0)), "two micro-batches at once: no measured case"),
        (asked(Recipe(algorithm=4.0)), "auto collectives: no measured case"),
        (asked(precision="fp8"), "fp8: no measured case on ampere"),
        (asked(cp=2), "cp 2: largest measured on ampere 1"),
    ],
)
def test_what_goes_beyond_says_where(one: Asked, said: str) -> None:
    assert any(said in reason for reason in reasons(one)), reasons(one)


@pytest.mark.parametrize(
    "one",
    [
        asked(pp=1, schedule="1f1b"),
        asked(context="all_to_all"),
        asked(dp=1, zero_stage=2),
        asked(zero_stage=1, shard=8),
        asked(Recipe(balanced_context=0.0)),
    ],
)
def test_a_choice_that_changes_nothing_is_no_reason(one: Asked) -> None:
    assert reasons(one) == ()


def test_a_utilisation_above_the_best_measured_is_a_reason() -> None:
    best = CATALOGUE.get(Domain, f"training-cases-{A100}").best_mfu_pct["bf16"]
    assert reasons(asked(), mfu_pct=best) == ()
    said = reasons(asked(), mfu_pct=best + 1.0)
    assert said == (f"MFU {best + 1.0:.1f} %: best measured on {A100} in bf16 {best:.1f} %",)


def test_a_chip_without_cases_says_what_its_family_has() -> None:
    assert reasons(asked(), "nvidia-a30")[0].endswith("others of ampere")
    assert reasons(asked(), "amd-mi250x")[0].endswith("nor on any of its family")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 8, 16]), st.sampled_from([1, 4, 128]), st.booleans()), min_size=1))
def test_a_candidate_is_judged_by_itself(rows: list[tuple[int, int, bool]]) -> None:
    tp, pp, bubble = (np.array(column, float) for column in zip(*rows, strict=True))
    table = replace(asked(), layouts=Layouts(tp=tp, pp=pp, schedule=bubble * SCHEDULES.index("zero_bubble")))
    together = outside(CATALOGUE, A100, table, 40.0)
    for at, told in enumerate(together):
        alone = replace(table, layouts=table.layouts.take(np.array([at])))
        assert reasons(alone) == told


def test_the_record_holds_every_quantity_and_only_choices_there_are() -> None:
    assert set(ALL.reach) == set(QUANTITIES)
    assert set(ALL.choices) <= set(CHOICES)
    amounts, choices = columns(asked())
    assert {len(one) for one in (*amounts.values(), *choices.values())} == {1}


@pytest.mark.parametrize(
    ("model", "sequence", "said"),
    [
        ("deepseek-v3.2", 8192, ["sparse attention, which reads 2,048 of 8,192 tokens"]),
        ("deepseek-v3.2", 2048, []),
        ("qwen3.5-35b-a3b", 2048, ["linear attention in 30 of 40 layers"]),
        ("deepseek-v3", 8192, []),
    ],
)
def test_attention_that_is_taken_for_another_says_so(model: str, sequence: int, said: list[str]) -> None:
    cluster = Cluster.from_catalogue(CATALOGUE, "nvidia-h100-sxm-80gb", 64)
    cut = Layouts.one(dp=64, ep=8)
    made = estimate_training(CATALOGUE, transformer(CATALOGUE, model), Training(sequence, 64), cluster, cut)
    told = [one for one in made.outside[0] if "attention" in one]
    assert [one.split(":")[0] for one in told] == said
