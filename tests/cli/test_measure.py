"""`polysilicon measure` as a user calls it. What needs PyTorch runs only where it is."""

import json
import os
import sys

import pytest

from polysilicon.performance.measuring import measure as rooms
from polysilicon.performance.measuring import truth
from polysilicon.performance.measuring.timing import Timing

SMALL = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 4,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 1536,
    "vocab_size": 8192,
}
TINY = ["--threads", "1", "--clock", "cpu", "--budget-s", "6"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One measurement of a few seconds for the tests that only read what came of it."""
    pytest.importorskip("torch")
    from polysilicon.performance.measuring.device import open_device

    folder = tmp_path_factory.mktemp("measured")
    device = open_device("cpu", 1)
    request = rooms.Request(device, "fp32", "our-cpu", "cpu", 8.0, folder / "our-cpu.yaml.journal")
    with pytest.MonkeyPatch.context() as small:
        small.setattr("polysilicon.performance.measuring.probes.POOL_BYTES", 32 * 2**20)
        outcome = rooms.measure(request, lambda words, share: None)
    path = folder / "our-cpu.yaml"
    path.write_text(outcome.text)
    return path, outcome


def test_a_misspelt_device_is_told_the_nearest(run, here):
    ran = run("measure", "--device", "cpuu", "--out", "our.yaml")
    assert ran.code == 2
    assert "did you mean cpu?" in ran.err
    assert not list(here.iterdir())


def test_without_pytorch_it_says_what_to_install(run, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = run("measure", "--out", "our.yaml")
    assert ran.code == 2
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], ["--out", "is not said"], id="nowhere to write"),
        pytest.param(["--out", "there.yaml"], ["there.yaml", "--force"], id="written over"),
        pytest.param(["--out", "folder"], ["folder", "exists already"], id="a folder"),
        pytest.param(["--out", "there.yaml/our.yaml"], ["can't be written"], id="below a file"),
        pytest.param(["--out", "o.yaml", "--journal", "o.yaml"], ["--journal", "--out"], id="one file for both"),
        pytest.param(["--out", "o.yaml", "--budget-s", "0"], ["--budget-s", "0"], id="no budget"),
        pytest.param(["--out", "o.yaml", "--budget-s", "nan"], ["--budget-s"], id="no number"),
        pytest.param(["--out", "o.yaml", "--clock", "cpu"], ["--clock cpu", "--threads 1"], id="clock of many threads"),
        pytest.param(["--out", "o.yaml", "--threads", "0"], ["--threads"], id="no threads"),
        pytest.param(["--out", "o.yaml", "--threads", "1.5"], ["--threads"], id="part of a thread"),
        pytest.param(["--check", "absent.yaml"], ["absent.yaml"], id="nothing to check"),
        pytest.param(["--check", "there.yaml", "--dtype", "bf16"], ["--dtype", "without --check"], id="both at once"),
        pytest.param(["--check", "there.yaml", "--budget-s", "9"], ["--budget-s", "--check"], id="no budget to check"),
        pytest.param(["--check", "there.yaml", "--resume"], ["--resume", "without --check"], id="nothing to resume"),
    ],
)
def test_bad_input_is_found_before_anything_is_timed(run, here, monkeypatch, arguments, said):
    (here / "there.yaml").write_text("{}")
    (here / "folder").mkdir()
    monkeypatch.setattr(rooms, "measure", lambda *_: pytest.fail("it began to time"))
    ran = run("measure", *arguments)
    assert ran.code == 2, ran.err
    assert all(word in ran.err for word in said), ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert (here / "there.yaml").read_text() == "{}"


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cant_be_written_is_found_before_anything_is_timed(run, here):
    here.chmod(0o500)
    assert "can't be written" in run("measure", "--out", "our.yaml").err


def test_what_is_measured_can_be_used_by_the_estimators(run, measured):
    path, _ = measured
    (path.parent / "config.json").write_text(json.dumps(SMALL))
    ran = run("estimate", "train", path.parent / "config.json", "--facts", path, "--chip", "our-cpu", "--chips", 1,
              "--global-batch", 1, "--sequence", 256, "--precision", "fp32", "--json")  # fmt: skip
    assert ran.code == 0, ran.err
    assert "our-cpu-training" in json.loads(ran.out)["efficiency"]


def test_the_facts_file_is_shown_as_the_users_own(run, measured):
    ran = run("facts", "show", "our-cpu", "--facts", measured[0])
    assert ran.code == 0, ran.err
    assert "measured-our-cpu" in ran.out or "measured" in ran.out


def test_the_report_says_how_sure_it_is(measured, here):
    from polysilicon.report import measured as report
    from polysilicon.report.terminal import console

    path, outcome = measured
    told = report.to_dict(outcome, path)
    assert {one["kernel"] for one in told["kinds"]} >= {"product", "attention", "update", "decode step"}
    assert all(one["low"] <= one["value"] <= one["high"] for one in told["parameters"])
    screen = console(120)
    with screen.capture() as said:
        screen.print(report.measured(outcome, path))
    assert "polysilicon measure --check" in said.get()


@pytest.fixture
def first_shapes(monkeypatch):
    """A check of the smallest shape of each mode, run once."""
    every = truth.jobs
    monkeypatch.setattr(rooms, "jobs", lambda *known: every(*known)[::12])
    monkeypatch.setattr(truth, "ROUNDS", 1)


def test_a_check_prints_every_shape_beside_its_prediction(run, measured, first_shapes):
    ran = run("measure", "--check", measured[0], "--threads", 1, "--clock", "cpu", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert len(told["rows"]) == 3
    assert [one["mode"] for one in told["verdicts"]] == ["training", "prefill", "decode"]
    assert all(one["measured_ms"] > 0.0 for one in told["rows"])


def test_a_check_with_another_number_of_threads_is_refused(run, measured, monkeypatch):
    text = measured[0].read_text().replace("compute_units: 1", "compute_units: 3")
    other = measured[0].with_name("other.yaml")
    other.write_text(text)
    ran = run("measure", "--check", other, "--threads", 1)
    assert ran.code == 2
    assert "--threads 3" in ran.err


def test_a_check_on_a_screen_gives_the_verdicts(run, measured, first_shapes):
    ran = run("measure", "--check", measured[0], "--threads", 1, "--clock", "cpu")
    assert ran.code == 0, ran.err
    assert "against the bar" in ran.out


def test_a_run_that_is_stopped_says_how_to_go_on(run, here, monkeypatch):
    pytest.importorskip("torch")

    def stopped(request, said):
        from polysilicon.performance.measuring.journal import Journal
        from polysilicon.performance.measuring.kernels import Kernel

        label = request.device.label() | {"clock": "cpu", "day": "2026-11-28"}
        Journal(request.journal, label).write("fp32", Kernel("add", 1.0, 1.0), Timing(1.0, 0.0, 7, trusted=True))
        raise KeyboardInterrupt

    monkeypatch.setattr(rooms, "measure", stopped)
    ran = run("measure", "--out", "our.yaml", *TINY)
    assert ran.code == 130
    assert "--resume" in ran.err
    assert (here / "our.yaml.journal").exists()
    assert not (here / "our.yaml").exists()
    monkeypatch.undo()
    refused = run("measure", "--out", here / "our.yaml", *TINY)
    assert refused.code == 2
    assert "--resume" in refused.err


def test_a_budget_too_small_says_so_and_keeps_what_was_timed(run, here):
    pytest.importorskip("torch")
    ran = run("measure", "--out", "our.yaml", "--threads", 1, "--clock", "cpu", "--budget-s", 1)
    assert ran.code == 2
    assert "budget" in ran.err
    assert (here / "our.yaml.journal").exists()


def test_a_question_refused_at_the_last_leaves_the_journal_as_it_was(run, here):
    pytest.importorskip("torch")
    (here / "our.yaml.journal").write_text('{"label": {"device": "cpu"}}\n')
    ran = run("measure", "--out", "our.yaml", "--force", "--dtype", "fp8")
    assert ran.code == 2
    assert (here / "our.yaml.journal").read_text() == '{"label": {"device": "cpu"}}\n'
