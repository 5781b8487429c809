import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.performance.replays.test_batching import DEPLOYMENTS, question

from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.heaps import pop, push
from polysilicon.performance.replays.lines import decode_pass_s, passes_until, prompt_costs_s, stretch_s
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.state import Costs, listed
from polysilicon.performance.replays.traffic import alike
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_passes import decode_s, prefill_parts_s


@given(
    first=st.floats(1e-4, 1.0),
    slope=st.floats(0.0, 1e-3),
    room=st.floats(1e-6, 100.0),
    most=st.integers(1, 10_000),
)
def test_so_many_passes_and_no_fewer_fill_the_time(first, slope, room, most):
    passes = passes_until(first, slope, room, most)
    assert 1 <= passes <= most
    assert passes == most or stretch_s(first, slope, passes) >= room
    assert passes == 1 or stretch_s(first, slope, passes - 1) < room


@given(keys=st.lists(st.integers(0, 2**62), min_size=1, max_size=200))
def test_a_heap_gives_its_keys_back_in_order(keys):
    heap = np.zeros(len(keys), np.int64)
    for size, key in enumerate(keys):
        push(heap, size, key)
    assert [pop(heap, size) for size in range(len(keys), 0, -1)] == sorted(keys)


def test_a_pass_over_many_short_prompts_lies_on_the_lines():
    asked = question("deepseek-v3", Layout(tp=8, attn_dp=2, ep=16, precision="fp8"), 1, 1, 1.0)
    costs = PassCosts(asked)
    cluster = assemble(alike(50, 5, 10, 1.0, 0), costs, Policies())
    assert cluster.costs.lengths["length"][-1] >= costs.chunk_tokens * costs.ranks


@pytest.mark.parametrize(("model", "layout"), DEPLOYMENTS)
def test_between_its_nodes_a_pass_takes_what_the_analytic_model_says(model, layout):
    made = PassCosts(question(model, layout, 1, 1, 1.0))
    costs, draw = Costs(*map(listed, made.costs(2000, 100_000))), np.random.default_rng(0)
    for running, context in zip(draw.integers(1, 2000, 50), draw.uniform(1, 100_000, 50), strict=True):
        exact = decode_s(made._of(np.array([context]), 0.0), np.array([float(running)]))
        assert decode_pass_s(costs, int(running), float(context)) == pytest.approx(float(exact[0]), rel=0.003)
    for tokens in draw.integers(1, 100_000, 50):
        work, overhead = prefill_parts_s(made._of(np.array([float(tokens)]), 0.0))
        alone_s, _, overhead_s = prompt_costs_s(costs, int(tokens))
        assert alone_s == pytest.approx(float(work[0]), rel=0.003)
        assert overhead_s == pytest.approx(float(overhead[0]), rel=0.003)
