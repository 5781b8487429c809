"""A replay on a screen and on a page: every headline figure with its interval, every request accounted for."""

import re

import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, replay
from polysilicon.performance.replays.assembly import Policies
from polysilicon.performance.replays.summary import Targets
from polysilicon.performance.replays.traffic import alike
from polysilicon.performance.serving import Layout
from polysilicon.report import replay as report
from polysilicon.report.files import table_to_csv, to_csv
from polysilicon.report.terminal import console
from polysilicon.workloads import transformer

PLAIN = Layout(tp=8)


def ask(count=50, chip="nvidia-h100-sxm-80gb", layout=PLAIN, **how):
    chips = Cluster.from_catalogue(load(), chip, 8)
    traffic = alike(1000, 20, count, 4.0, 0)
    return replay(load(), transformer(load(), "llama-3.1-70b"), traffic, chips, layout, **how)


def shown(made, capsys, width=80):
    console(width).print(report.terminal(made))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_screen(capsys, width):
    lines = shown(ask(targets=Targets(500, 30)), capsys, width).splitlines()
    assert max(map(len, lines)) <= width


def test_every_latency_and_rate_has_its_interval(capsys):
    said = shown(ask(targets=Targets(500, 30)), capsys, 200)
    for name in ("first token, median", "first token, p99", "each later token, p90", "whole answer, p99", "throughput"):
        assert re.search(rf"{name} +[\d,.]+ .*\(90 %: [\d,.]+ to [\d,.]+\)", said), name
    assert "keep TTFT 500 ms and TPOT 30 ms" in said
    assert "50: 50 completed, 0 rejected, 0 unfinished" in said
    assert "not seen:" in said


def test_a_replica_is_told_with_its_cache_and_what_it_drafts(capsys):
    drafting = Layout(tp=8, precision="fp8", cache="fp8", draft_tokens=2, acceptance=0.7)
    assert "ep 1, fp8, cache in fp8; 2 drafted ahead, 70 % accepted; least" in shown(ask(layout=drafting), capsys, 200)
    assert "ep 1, bf16, cache in bf16; least-loaded routing" in shown(ask(), capsys, 200)


def test_doubts_and_those_turned_away_are_said(capsys):
    said = shown(ask(chip="nvidia-h20-96gb", policies=Policies(queue=0, batch=1)), capsys, 200)
    assert "†" in said
    assert "turned away at full queues" in said


def test_a_replay_without_an_answer_says_so(capsys):
    made = ask(until_s=1e-3)
    said = shown(made, capsys, 200)
    assert "of no request" in said
    assert "50: 0 completed, 0 rejected, 1 unfinished, 49 not yet arrived" in said
    assert "J a token unknown (none completed)" in said
    report.page(made)


def test_the_page_draws_latencies_and_courses_and_fetches_nothing():
    text = report.page(ask(targets=Targets(500, None)))
    for words in ('id="chart-latency"', 'id="chart-load"', 'id="chart-cache"', "90 %:", "What a replay does not see"):
        assert words in text
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["']https?:""", text)


def test_a_long_table_is_the_same_text_as_its_rows():
    requests = ask(until_s=5.0).requests
    assert table_to_csv(requests) == to_csv(requests.rows(), requests.columns)
