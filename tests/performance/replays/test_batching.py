"""Passes that are jumped over are the passes themselves; a replay agrees with the analytic model where both can."""

from dataclasses import replace

import numpy as np
import pytest
from tests.performance.replays.made import Made, made_traffic

from polysilicon.facts import load
from polysilicon.performance import Cluster
from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.batching import advance
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.running import run
from polysilicon.performance.replays.state import as_lists, into_arrays
from polysilicon.performance.replays.traffic import alike
from polysilicon.performance.serving import Layout, estimate_serving
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_table import evaluate
from polysilicon.workloads import Serving, transformer

DEPLOYMENTS = [
    ("llama-3.1-70b", Layout(tp=8)),
    ("llama-3.1-70b", Layout(tp=4, pp=2)),
    ("llama-3.1-8b", Layout()),
    ("gpt-oss-20b", Layout()),
    ("deepseek-v3", Layout(tp=8, attn_dp=2, ep=16, precision="fp8")),
]


def question(model, layout, prompt, answer, concurrency, engine="vllm"):
    chips = Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", layout.chips)
    return ask(load(), transformer(load(), model), Serving(prompt, answer), chips, layout, concurrency, engine)


@pytest.mark.parametrize(("model", "layout"), DEPLOYMENTS)
@pytest.mark.parametrize(("prompt", "answer"), [(1000, 200), (100, 1000), (30_000, 300)])
def test_a_lone_request_is_the_analytic_estimate(model, layout, prompt, answer):
    asked = question(model, layout, prompt, answer, 1.0)
    costs = PassCosts(asked)
    cluster = assemble(alike(prompt, answer, 3, 1e-6, 0), costs, Policies())
    run(cluster)
    rows = cluster.requests
    told = estimate_serving(
        load(), asked.model, Serving(prompt, answer), asked.cluster, layout, concurrency=1, engine="vllm"
    )
    ttft_ms = 1e3 * (rows["first_s"] - rows["arrival_s"] + costs.first_s)
    tpot_ms = 1e3 * (rows["finish_s"] - rows["first_s"]) / (answer - 1)
    assert ttft_ms == pytest.approx(np.full(3, told.ttft_ms.value), rel=0.01)
    assert tpot_ms == pytest.approx(np.full(3, told.tpot_ms.value), rel=0.01)


@pytest.mark.parametrize(("model", "layout"), DEPLOYMENTS)
@pytest.mark.parametrize(("prompt", "answer"), [(1000, 200), (8000, 500)])
def test_a_full_replica_makes_the_analytic_limit(model, layout, prompt, answer, compiled):
    asked = question(model, layout, prompt, answer, 1e9)
    limit = evaluate(Candidates.of([asked]), "offline")
    count = max(int(limit.running[0]) * 8, 2000)
    # Lengths differ a little, so that the sequences don't go in step; all wait from the beginning.
    traffic = alike(prompt, answer, count, 1e8, 0)
    lengths = np.random.default_rng(0).integers(answer // 2, answer + answer // 2 + 1, count)
    cluster = assemble(replace(traffic, answer=lengths), PassCosts(asked), Policies())
    run(cluster, kernel_of=lambda _: compiled)
    order = np.argsort(cluster.requests["finish_s"])
    ends, middle = cluster.requests["finish_s"][order], slice(int(0.3 * count), int(0.8 * count))
    tokens = lengths[order][middle].sum() / (ends[middle][-1] - ends[middle][0])
    assert tokens / layout.chips == pytest.approx(float(limit.tokens_per_s_per_chip[0]), rel=0.03)


def test_prompts_are_read_no_faster_beside_decoding_than_alone(simulate):
    # Decoding hides half of a prompt's 100 ms, but takes a millisecond itself.
    costs = Made(1e-3, prompt_token_s=1e-4, interference=0.5, chunk_tokens=1000, batch=64)
    cluster = simulate(made_traffic([0.0] * 64, 1000, 100), costs)
    assert cluster.requests["first_s"].max() == pytest.approx(64 * 0.1, rel=0.02)


@pytest.mark.parametrize(("engine", "prompt", "answer"), [("sglang", 4000, 60), ("mindie", 3000, 60)])
def test_short_answers_to_long_prompts_make_the_analytic_limit_too(engine, prompt, answer, compiled):
    asked = question("llama-3.1-70b", Layout(tp=8), prompt, answer, 1e9, engine)
    limit = evaluate(Candidates.of([asked]), "offline")
    cluster = assemble(alike(prompt, answer, 3000, 1e8, 0), PassCosts(asked), Policies())
    run(cluster, kernel_of=lambda _: compiled)
    tokens = 3000 * answer / cluster.requests["finish_s"].max() / 8
    assert tokens == pytest.approx(float(limit.tokens_per_s_per_chip[0]), rel=0.03)


def test_reading_prompts_alone_makes_the_analytic_limit(compiled):
    asked = question("llama-3.1-70b", Layout(tp=8), 1000, 1, 1e4)
    limit = evaluate(Candidates.of([asked]), "prefill")
    cluster = assemble(alike(1000, 1, 20_000, 1e8, 0), PassCosts(asked), Policies())
    run(cluster, kernel_of=lambda _: compiled)
    tokens = 1000 * 20_000 / cluster.requests["finish_s"].max() / 8
    assert tokens == pytest.approx(float(limit.tokens_per_s_per_chip[0]), rel=0.03)


def test_passes_taken_one_by_one_end_where_those_jumped_over_end(simulate):
    draw = np.random.default_rng(0)
    traffic = made_traffic(np.sort(draw.uniform(0, 3, 50)), draw.integers(1, 900, 50), draw.integers(1, 300, 50))
    costs = Made(1e-3, 2e-5, 1e-8, 2e-5, 2e-3, 0.7, chunk_tokens=512, batch=8)
    jumped = simulate(traffic, costs)
    cluster = assemble(traffic, costs, Policies())
    from polysilicon.performance.replays.loop import accept

    plain = as_lists(cluster)
    now, step, request = 0.0, 1e-4, 0
    while request < 50 or now < jumped.requests["finish_s"].max():
        while request < 50 and traffic.arrival_s[request] <= now + step:
            advance(plain, 0, traffic.arrival_s[request])
            accept(plain, 0, request)
            request += 1
        now += step
        advance(plain, 0, now)
    into_arrays(plain, cluster)
    for name in ("start_s", "first_s", "finish_s"):
        assert cluster.requests[name] == pytest.approx(jumped.requests[name], rel=1e-9)


def pass_by_pass(traffic, costs):
    """The same rules written down anew for one replica without a prefix cache, one pass after another."""
    count, now, next_up, reads = len(traffic), -1.0, 0, 0.0
    waiting, reading, running = [], {}, {}
    start, first, finish = (np.full(count, np.nan) for _ in range(3))
    alone = (
        np.maximum(traffic.prompt / costs.chunk_tokens, 1) * costs.overhead_s + traffic.prompt * costs.prompt_token_s
    )
    blocks = costs.blocks(traffic.prompt + traffic.answer)
    while np.isnan(finish).any():
        if not (waiting or reading or running) and traffic.arrival_s[next_up] > now:
            now = traffic.arrival_s[next_up] + 0.5 * (
                costs.pass_s + costs.sequence_s + costs.context_s * traffic.prompt[next_up]
            )
        while next_up < count and traffic.arrival_s[next_up] <= now:
            waiting.append(next_up)
            next_up += 1
        budget, tokens, fresh, decoding = costs.chunk_tokens, 0, False, list(running)
        while budget:
            one = next((at for at, left in reading.items() if left and at not in running), None)
            if one is None:
                held = sum(blocks[at] for at in [*reading, *running])
                if (
                    not waiting
                    or len(reading) + len(running) >= costs.batch
                    or held + blocks[waiting[0]] > costs.capacity
                ):
                    break
                one = waiting.pop(0)
                reading[one], start[one] = traffic.prompt[one], now
            fresh |= reading[one] == traffic.prompt[one]
            piece = min(reading[one], budget)
            reading[one] -= piece
            tokens, budget = tokens + piece, budget - piece
        work = tokens * costs.prompt_token_s
        if decoding:
            context = np.mean([traffic.prompt[at] + done for at, done in running.items()])
            time = (
                costs.pass_s
                + len(decoding) * (costs.sequence_s + costs.context_s * context)
                + costs.interference * work
                + costs.separate * costs.overhead_s * tokens / costs.chunk_tokens
            )
        elif tokens:
            time = work + costs.overhead_s * (1.0 if fresh else tokens / costs.chunk_tokens)
        else:
            time = min(start[at] + alone[at] for at in reading) - now
        if tokens:
            time = max(time, reads - now)
            reads = max(reads, now) + work + costs.overhead_s * tokens / costs.chunk_tokens
        now += time
        for at in decoding:
            running[at] += 1
            if running[at] == traffic.answer[at]:
                finish[at] = now
                del running[at]
        for at in [at for at, left in reading.items() if not left]:
            if np.isnan(first[at]):
                first[at] = max(now, start[at] + alone[at])
            if start[at] + alone[at] <= now + 1e-12:
                del reading[at]
                if traffic.answer[at] == 1:
                    finish[at] = first[at]
                else:
                    running[at] = 1
    return start, first, finish


@pytest.mark.parametrize("seed", range(6))
def test_the_same_rules_written_down_anew_give_the_same_times(simulate, seed):
    draw = np.random.default_rng(seed)
    traffic = made_traffic(np.sort(draw.uniform(0, 3, 40)), draw.integers(1, 900, 40), draw.integers(1, 120, 40))
    costs = Made(1e-3, 2e-5, 1e-8, 2e-5, 2e-3, 0.7, 0.3, chunk_tokens=300, batch=4 + seed, capacity=200)
    cluster = simulate(traffic, costs)
    for name, expected in zip(("start_s", "first_s", "finish_s"), pass_by_pass(traffic, costs), strict=True):
        assert cluster.requests[name] == pytest.approx(expected, rel=1e-9), name


def test_a_pass_reads_no_more_than_a_chunk(simulate):
    costs = Made(1e-3, prompt_token_s=1e-4, overhead_s=0.5, chunk_tokens=100, batch=9)
    cluster = simulate(made_traffic([0.0] * 4, 100, 1), costs)
    # Four prompts of a chunk each are read one after another: each pass costs its overhead and 100 tokens of work.
    assert np.diff(cluster.requests["first_s"]) == pytest.approx([0.51] * 3)


def test_short_prompts_share_the_overhead_of_a_pass(simulate):
    costs = Made(1e-3, prompt_token_s=1e-4, overhead_s=0.5, chunk_tokens=400, batch=9)
    cluster = simulate(made_traffic([0.0] * 4, 100, 1), costs)
    assert len(set(cluster.requests["first_s"])) == 1
    assert cluster.replicas["busy_s"][0] == pytest.approx(0.54)


def test_others_prompts_slow_a_token_down_by_their_share_of_work(simulate):
    costs = Made(1e-2, prompt_token_s=1e-4, interference=0.5, batch=9)
    alone = simulate(made_traffic([0.0], 10, 101), costs)
    beside = simulate(made_traffic([0.0, 0.5], [10, 2000], [101, 1]), costs)
    later = beside.requests["finish_s"][0] - alone.requests["finish_s"][0]
    assert later == pytest.approx(0.5 * 2000 * 1e-4)
    # Yet nobody's prompt is read sooner than it would be alone.
    assert beside.requests["first_s"][1] - beside.requests["start_s"][1] == pytest.approx(2000 * 1e-4)


def test_more_places_than_the_cache_holds_are_not_filled(simulate):
    costs = Made(1e-3, batch=100, capacity=10)
    cluster = simulate(made_traffic([0.0] * 20, 32, 16), costs)
    assert cluster.replicas["peak_blocks"][0] == 9  # three sequences of three blocks
    assert cluster.replicas["sequence_s"][0] / cluster.replicas["busy_s"][0] <= 3 + 1e-9


def test_who_is_longer_than_the_cache_and_who_meets_a_full_queue_is_turned_away(simulate):
    costs = Made(1e-3, batch=1, capacity=10)
    traffic = made_traffic([0.0, 0.001, 0.002, 0.003, 0.004], [8, 1000, 8, 8, 8], 100)
    cluster = simulate(traffic, costs, Policies(queue=1))
    assert cluster.requests["fate"].tolist() == [1, 3, 1, 2, 2]


def test_a_replay_that_ends_early_leaves_the_rest_unfinished(simulate):
    cluster = simulate(made_traffic(np.arange(10.0), 8, 501), Made(1e-3, batch=1), until_s=4.2)
    assert (cluster.requests["fate"] == 1).tolist() == [True] * 4 + [False] * 6
