"""The verb: counts agree, figures carry their intervals, energy is between idle and busy."""

import json

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, replay
from polysilicon.performance.replays.assembly import Policies
from polysilicon.performance.replays.figures import course
from polysilicon.performance.replays.summary import Targets
from polysilicon.performance.replays.trace import read_trace
from polysilicon.performance.replays.traffic import alike
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_table import bound
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.workloads import transformer

TRAFFIC = alike(1000, 200, 300, 4.0, 0)


def ask(traffic=TRAFFIC, layout=None, chip="nvidia-h100-sxm-80gb", **how):
    layout = layout or Layout(tp=8)
    chips = Cluster.from_catalogue(load(), chip, layout.chips)
    return replay(load(), transformer(load(), "llama-3.1-70b"), traffic, chips, layout, **how)


@pytest.fixture
def trace(tmp_path):
    rows = "".join(f"{at / 10},{100 + at},{1 + at % 7}\n" for at in range(50))
    (tmp_path / "trace.csv").write_text(f"arrival_s,input_tokens,output_tokens\n{rows}bad,1,1\n99,3000000,1\n")
    return read_trace(tmp_path / "trace.csv", "skip")


@pytest.mark.parametrize("requests", [None, 20, 120])
@pytest.mark.parametrize("queue", [None, 0])
@pytest.mark.parametrize("until_s", [np.inf, 1.05])
def test_every_line_is_accounted_for(trace, requests, queue, until_s):
    traffic = trace.traffic if requests is None else trace.traffic.of_length(requests)
    counts = ask(traffic, trace=trace, policies=Policies(queue=queue, batch=1), until_s=until_s).counts
    assert counts.lines == 52
    assert counts.skipped == 1
    assert counts.lines + counts.repeated == counts.skipped + counts.left_out + counts.requests
    assert counts.requests == counts.completed + counts.rejected + counts.unfinished + counts.not_arrived
    assert counts.not_arrived == int(np.sum(traffic.arrival_s > until_s))
    assert (counts.unfinished > 0) == (until_s < 2 and queue is None)
    assert (counts.rejected_queue > 0) == (queue == 0)
    if requests is None and until_s > 2:
        assert counts.rejected_length == 1


def test_the_interval_is_that_of_the_serving_fit():
    made = ask()
    low, high = bound(_efficiency(), "ttft", "steady")
    for figure in (made.latency.ttft_ms.p50, made.latency.ttft_ms.p99, made.latency.ttft_ms.mean):
        assert (figure.low, figure.high) == pytest.approx((low * figure.value, high * figure.value))
    low, high = bound(_efficiency(), "tpot", "steady")
    assert made.latency.tpot_ms.p90.low == pytest.approx(low * made.latency.tpot_ms.p90.value)
    assert made.latency.e2e_ms.p50.low < made.latency.e2e_ms.p50.value < made.latency.e2e_ms.p50.high
    rate = made.rates.tokens_per_s_per_chip
    assert rate.low < rate.value <= rate.high


def _efficiency():
    from polysilicon.performance.efficiency import efficiency_of

    return efficiency_of(load(), "nvidia-h100-sxm-80gb", "serving")


def test_a_doubtful_chip_has_wider_intervals():
    made = ask(chip="nvidia-h20-96gb")
    assert made.doubts
    low, high = bound(_efficiency(), "ttft", "steady")
    assert made.latency.ttft_ms.p50.high / made.latency.ttft_ms.p50.value > high
    assert made.latency.ttft_ms.p50.low / made.latency.ttft_ms.p50.value < low


def test_goodput_counts_who_keeps_the_targets_and_stricter_ones_keep_fewer():
    shares = [ask(targets=Targets(limit, None)).rates.good_share for limit in (1e9, 180.0, 140.0, 1.0)]
    assert [one.value for one in shares] == sorted((one.value for one in shares), reverse=True)
    assert shares[0] == pytest.approx(shares[0].__class__(1.0, 1.0, 1.0))
    assert shares[-1].value == 0.0
    for one in shares:
        assert one.low <= one.value <= one.high
    assert ask().rates.goodput_per_s is None


def test_energy_lies_between_idle_and_busy_and_grows_with_replicas():
    one, four = ask(), ask(policies=Policies(4))
    assert one.energy.energy_kwh.low < one.energy.energy_kwh.value < one.energy.energy_kwh.high
    assert one.energy.energy_kwh.value < four.energy.energy_kwh.value < 4 * one.energy.energy_kwh.value
    tokens = one.rates.tokens_per_s.value * one.rates.duration_s
    assert one.energy.j_per_token.value * tokens == pytest.approx(3.6e6 * one.energy.energy_kwh.value)


def test_energy_of_no_token_is_unknown():
    made = ask(until_s=0.01)
    assert made.counts.completed == 0
    assert made.energy.energy_kwh.value > 0
    assert made.energy.j_per_token is None
    assert made.to_dict()["energy"]["j_per_token"] is None


def test_what_has_not_arrived_by_the_end_is_told_apart_and_counts_in_no_rate():
    made = ask(until_s=20.0, targets=Targets(1e9, None))
    arrived = int(np.sum(TRAFFIC.arrival_s <= 20.0))
    assert (made.counts.arrived, made.counts.not_arrived) == (arrived, 300 - arrived)
    assert 0 < made.counts.unfinished < 20
    said = [row["status"] for row in made.requests.rows()]
    assert said[arrived:] == ["not yet arrived"] * (300 - arrived)
    assert said.count("unfinished") == made.counts.unfinished
    assert made.rates.good_share.value == pytest.approx(made.counts.completed / arrived, rel=1e-12)
    assert made.rates.offered_per_s == pytest.approx((arrived - 1) / TRAFFIC.arrival_s[arrived - 1])
    assert made.rates.tokens_per_s.high <= 200 * arrived / TRAFFIC.arrival_s[arrived - 1]


@pytest.mark.parametrize("rate", [0.01, 0.3, 1e6])
def test_a_slower_engine_serves_less_only_where_it_has_no_time_to_spare(rate):
    made = ask(alike(1000, 200, 300, rate, 0))
    low, _ = bound(_efficiency(), "tps", "steady")
    figure, busy = made.rates.tokens_per_s, made.use.most_busy_share
    # Passes that take 1 / low times as long: each lost second is one in which passes run.
    assert figure.low / figure.value == pytest.approx(1.0 / (1.0 + busy * (1.0 / low - 1.0)))
    assert (figure.low > 0.9 * figure.value) == (rate == 0.01)
    assert (figure.low < 1.01 * low * figure.value) == (rate == 1e6)


def test_more_replicas_never_wait_longer_in_the_mean():
    waits = [
        ask(alike(1000, 200, 400, 20.0, 0), policies=Policies(count)).latency.ttft_ms.mean.value for count in (1, 2, 8)
    ]
    assert waits == sorted(waits, reverse=True)


def test_rows_of_requests_agree_with_the_summary():
    made = ask(targets=Targets(170.0, None))
    rows = list(made.requests.rows())
    assert len(rows) == made.counts.requests
    assert {row["status"] for row in rows} == {"completed"}
    assert np.median([row["ttft_ms"] for row in rows]) == pytest.approx(made.latency.ttft_ms.p50.value)
    kept = sum(row["ttft_ms"] <= 170.0 for row in rows)
    assert made.rates.good_share.value == pytest.approx(kept / len(rows))
    one = rows[0]
    assert one["e2e_ms"] == pytest.approx(one["ttft_ms"] + one["tpot_ms"] * (one["output_tokens"] - 1))


@pytest.mark.parametrize("answer", [1, 2, 200])
def test_a_request_finishes_when_its_whole_time_is_over_and_not_before_its_first_token(answer):
    for row in ask(alike(1000, answer, 50, 4.0, 0)).requests.rows():
        assert row["finish_s"] == pytest.approx(row["arrival_s"] + row["e2e_ms"] / 1e3, abs=1e-9)
        assert row["ttft_ms"] <= row["e2e_ms"]


@pytest.mark.parametrize("late_s", [-0.01, 0.01])
def test_completed_are_those_whose_whole_time_is_over_by_the_end(late_s):
    ends_s = sorted(row["arrival_s"] + row["e2e_ms"] / 1e3 for row in ask().requests.rows())
    made = ask(until_s=ends_s[20] + late_s)
    assert made.counts.completed == sum(one <= made.rates.duration_s for one in ends_s)
    tokens = made.rates.tokens_per_s.value * made.rates.duration_s
    assert tokens == pytest.approx(200 * made.counts.completed)
    assert sum(row["status"] == "completed" for row in made.requests.rows()) == made.counts.completed


def test_what_is_printed_as_json_can_be_read_back():
    from polysilicon.report.files import to_json

    told = json.loads(to_json(ask().to_dict()))
    assert told["counts"]["completed"] == 300
    assert told["use"]["busy_share"] <= 1
    assert "requests" not in told


def test_courses_are_means_of_what_is_there():
    edges = np.array([0.0, 1.0, 2.0, 4.0])
    found = course(np.array([0.5, 0.0]), np.array([1.5, 4.0]), edges, np.array([2.0, 1.0]))
    assert found == pytest.approx([2.0, 2.0, 1.0])


def test_a_course_holds_the_tokens_of_answers_that_the_end_cuts_off_and_no_more():
    traffic = alike(1000, 1000, 200, 5.0, 0)
    whole, cut = (ask(traffic, until_s=one).courses.columns for one in (np.inf, 20.0))
    begun = whole["time_s"] < 20.0
    step_s = whole["time_s"][1] - whole["time_s"][0]
    early = np.interp(20.0, whole["time_s"] + step_s / 2, np.cumsum(whole["tokens_per_s"]) * step_s)
    assert np.mean(cut["tokens_per_s"]) * 20.0 == pytest.approx(early, rel=0.1)
    assert np.max(cut["tokens_per_s"]) < 1.1 * np.max(whole["tokens_per_s"][begun])


def test_a_request_longer_than_one_rank_holds_is_turned_away_whatever_the_others_have_left():
    long = alike(1_000_000, 100, 2, 1.0, 0)
    chips = Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", 16)
    layout = Layout(tp=1, attn_dp=16, ep=16)
    made = replay(load(), transformer(load(), "qwen3-235b-a22b"), long, chips, layout)
    assert (made.counts.completed, made.counts.rejected_length) == (0, 2)


def test_what_cannot_be_replayed_is_refused():
    with pytest.raises(NothingFits, match="no room for a cache"):
        ask(layout=Layout())
    with pytest.raises(InputError, match="no requests"):
        ask(alike(1, 1, 1, 1.0, 0).__class__(*(np.zeros(0),) * 3, np.zeros(1, np.int64), np.zeros(0, np.int64)))
    with pytest.raises(InputError, match="--until-s: ends before"):
        ask(until_s=0.0)
    for policies, option in (
        ({"routing": "magic"}, "--routing"),
        ({"replicas": 0}, "--replicas"),
        ({"batch": 0}, "--max-batch"),
        ({"queue": -1}, "--queue-limit"),
    ):
        with pytest.raises(InputError, match=option):
            Policies(**policies)


def test_requests_beyond_the_positions_of_the_model_are_counted():
    said = ask(alike(131_000, 200, 3, 0.01, 0)).notes
    assert any(note.startswith("3 requests are longer than the 131,072 tokens") for note in said)
    assert not any("longer than the" in note for note in ask().notes)
