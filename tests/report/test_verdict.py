"""What a verdict says on screen."""

import datetime as dt

import pytest

from polysilicon.facts import load
from polysilicon.policy import Transaction, verdict
from polysilicon.records.document import parse_yaml
from polysilicon.report.terminal import console
from polysilicon.report.verdict import render

ON = dt.date(2026, 10, 1)


def test_a_letter_without_a_review_policy_is_not_headed_case_by_case(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(render(verdict(load(), "nvidia-h20-96gb", Transaction("CN"), ON)))
    shown = capsys.readouterr().out
    assert "LICENCE REQUIRED, REVIEW POLICY UNPUBLISHED" in shown
    assert "CASE BY CASE" not in shown


def test_figures_of_ones_own_are_named_beside_the_confidence(capsys: pytest.CaptureFixture[str]) -> None:
    mine = load().overlaid(parse_yaml("chips: {nvidia-h20-96gb: {memory_bw_gbs: 4100}}", "mine.yaml"))
    console().print(render(verdict(mine, "nvidia-h20-96gb", Transaction("CN"), ON)))
    assert "estimate † (reads your own memory_bw_gbs)" in capsys.readouterr().out
