"""What one layer costs a chip, formula by formula."""

import numpy as np
import pytest

from polysilicon.performance import communication as wire
from polysilicon.performance import layer
from polysilicon.performance.operators import filled_flop
from polysilicon.performance.rates import joined_share, own_pace
from polysilicon.performance.training import kind_of, kind_widening
from polysilicon.performance.values import PRECISIONS


def test_gradients_are_added_up_where_replicas_hold_them_whole() -> None:
    weights = np.full(4, 100.0)
    moved = layer.accumulated_bytes(weights, 4.0, np.array([0.0, 1.0, 2.0, 3.0]), 0.0)
    assert moved.tolist() == [600.0, 600.0, 0.0, 0.0]
    assert layer.accumulated_bytes(100.0, 4.0, 1.0, 1.0) == 0.0  # frozen weights have none


@pytest.mark.parametrize("width", [64.0, 128.0])
def test_narrow_heads_spend_more_on_exponentials(width: float) -> None:
    time_s = layer.core_s(1e12, 1e12, 32.0, 32.0 * width, 32.0)
    assert time_s == pytest.approx((1.0 + 32.0 / width) / 1.25)  # the rate is that of heads of 128


def test_heads_off_the_fast_path_slow_only_attention_that_is_not_fused() -> None:
    widths, fused = np.array([225.0, 225.0, 216.0]), np.array([0.0, 1.0, 0.0])
    assert layer.unaligned_s(1.0, 64.0, 64.0 * widths, fused, 0.1).tolist() == [10.0, 1.0, 1.0]


def test_scores_in_memory_cost_the_backward_pass_nineteen_bytes_for_eleven() -> None:
    with_scores, without = (
        layer.backward_s(1.0, 0.5, scores, 1.0, 0.2, 0.0, fused=0.0, frozen=0.0, core_back=1.2) for scores in (1.1, 0.0)
    )
    assert with_scores - without == pytest.approx(1.9)


def test_young_software_is_slow_at_sorting_tokens_to_experts_alone() -> None:
    assert layer.experts_s(2.0, 1.0, 0.5, 0.5) == pytest.approx(4.0)
    assert layer.experts_s(2.0, 1.0, 0.5, 1.0) == pytest.approx(3.5)


def test_each_copy_of_a_token_costs_its_handling_beside_its_bytes() -> None:
    assert layer.handled_s(0.5, 8.0, 2.0, 0.1) == pytest.approx(0.9)


def test_a_sequence_cut_over_tensor_ranks_is_gathered_twice_more() -> None:
    plain, cut = (wire.tensor_s(1.0, 2.0, 3.0, parallel, 0.0, 0.0) for parallel in (0.0, 1.0))
    assert (plain, cut) == (4.0, 5.0)


def test_a_block_that_runs_again_ends_once_more() -> None:
    assert wire.tensor_s(1.0, 2.0, 3.0, 1.0, 1.0, 0.0) == 6.0


def test_slices_are_gathered_after_a_hand_over_unless_the_sequence_is_cut() -> None:
    assert wire.received_s(1.0, 0.25, np.array([1.0, 8.0]), 8.0).tolist() == [1.25, 1.0]


def test_filling_a_tile_weighs_on_a_short_inner_dimension() -> None:
    assert filled_flop(1.0, np.array([100.0, 10_000.0]), 100.0).tolist() == [2.0, 1.01]


def test_a_vendor_s_tuning_and_a_fabric_are_what_they_are_said_to_be() -> None:
    assert own_pace(1.0, np.array([1.0, 0.0]), 0.9).tolist() == [1.0, 0.9]
    assert joined_share(0.6, 0.9, np.array([0.0, 1.0])).tolist() == [0.6, 0.9]


def test_each_kind_of_job_has_its_interval() -> None:
    bf16, nvfp4 = PRECISIONS.index("bf16"), PRECISIONS.index("nvfp4")
    experts, frozen = np.array([8.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    precision, fused = np.array([nvfp4, nvfp4, bf16, bf16, bf16]), np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    kind = kind_of(experts, precision, frozen, fused)
    assert kind_widening(kind, 1.2, 1.5, 1.8, 2.0).tolist() == [2.0, 1.8, 1.5, 1.2, 1.0]
