"""Whole runs from the command line."""

import json

import pytest

from polysilicon.cli.train_run import amount
from polysilicon.records.errors import InputError

ONE = ("estimate", "train", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", "--chips", 64, "--global-batch", 256)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15.6T", 15.6e12),
        ("300B", 3e11),
        ("1e12", 1e12),
        ("1,000,000", 1e6),
        ("5 k", 5e3),
        ("2_000", 2e3),
        (".5M", 5e5),
    ],
)
def test_an_amount_is_read_as_people_write_it(text, value):
    assert amount("--tokens", text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "T", "-1", "1T5", "2.5q", "nan", "inf", "1e30", "0", "0.1", "1e999"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(InputError):
        amount("--tokens", text)


def test_a_run_says_how_long_how_much_and_why(run):
    said = run(*ONE, "--tokens", "1T").out
    for words in ("a run of 1 T tokens", "chip-hours", "MWh", "goodput", "where the run goes", "observed on"):
        assert words in said
    told = json.loads(run(*ONE, "--tokens", "1T", "--json").out)["run"]
    assert told["wall_s"]["low"] < told["wall_s"]["value"] < told["wall_s"]["high"]
    assert sum(told["parts"].values()) == pytest.approx(told["wall_s"]["value"])
    assert told["chip_hours"]["value"] == pytest.approx(64 * told["wall_s"]["value"] / 3600)


def test_how_a_run_is_looked_after_counts(run):
    keep = ("--checkpoint-min", 30, "--storage-gbs", 50, "--restart-min", 5, "--spare-nodes", 1, "--chip-days", 50)
    told = json.loads(run(*ONE, "--tokens", "1T", *keep, "--blocking-checkpoints", "--json").out)["run"]
    assert told["checkpoint_interval_s"] == pytest.approx(1800, rel=0.01)
    assert told["spare_nodes"] == 1
    assert told["failures"] == "failures: your own figure"
    assert told["interruptions"] > 10


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--spare-nodes", 2), 2, "--spare-nodes: changes nothing here; it needs --tokens"),
        (("--blocking-checkpoints",), 2, "it needs --tokens"),
        (("--tokens", "lots"), 2, "--tokens: is no amount; found 'lots'"),
        (("--tokens", "1T", "--spare-nodes", -1), 2, "--spare-nodes: is no sane quantity"),
        (("--tokens", "1T", "--checkpoint-min", 0), 2, "--checkpoint-min: is no sane quantity"),
        (("--tokens", "1T", "--restart-min", "inf"), 2, "--restart-min: is no sane quantity"),
        (("--tokens", "1T", "--chip-days", 1e-5), 3, "this run never ends"),
        (("--tokens", "1T", "--checkpoint-min", 10_000, "--chip-days", 1), 3, "saving every 1e+04 min, this run never"),
        (
            ("--tokens", "1T", "--checkpoint-min", 1, "--storage-gbs", 0.1),
            2,
            "--checkpoint-min: a checkpoint takes longer",
        ),
        (("--tokens", "1T", "--spare-nodes", 2.7), 2, "--spare-nodes: is no whole number; found '2.7'"),
        (("--tokens", "1T", "--explain"), 2, "--explain"),
    ],
)
def test_a_run_that_can_t_be_is_one_message(run, options, code, said):
    ran = run(*ONE, *options)
    assert ran.code == code
    assert said in ran.err


def test_as_many_tokens_as_are_allowed_are_taken(run):
    assert run(*ONE, "--tokens", "1e18").code == 0
    assert "allowed: 1 to 1e+18" in run(*ONE, "--tokens", "1.1e18").err


def test_a_training_that_waits_for_its_checkpoints_may_save_as_often_as_it_likes(run):
    keep = ("--checkpoint-min", 1, "--storage-gbs", 0.1, "--blocking-checkpoints")
    told = json.loads(run(*ONE, "--tokens", "1T", *keep, "--json").out)["run"]
    assert told["checkpoint_interval_s"] < 120 < told["checkpoint_stall_s"]
