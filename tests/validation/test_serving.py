"""The serving estimator against the measured cases that ship with the catalogue."""

import csv
import time
from pathlib import Path
from statistics import median

import pytest
from scipy.stats import binomtest

from polysilicon.facts import load
from polysilicon.records.errors import InputError
from polysilicon.validation.fit_record import SERVING_LEFT_OUT, read_left_out
from polysilicon.validation.score import Score
from polysilicon.validation.serving import CASES, PEERS, validate
from polysilicon.validation.serving_cases import Question, read


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    return validate(load())


def test_every_case_is_answered_in_seconds(scores: list[Score]) -> None:
    with CASES.open(newline="") as stream:
        ids = [row["case_id"] for row in csv.DictReader(stream)]
    assert {score.case_id for score in scores} == set(ids)
    start = time.process_time()
    validate(load())
    assert time.process_time() - start < 15


def test_what_is_not_answered_says_why(scores: list[Score]) -> None:
    assert all(bool(score.why) != (score.status == "ok") for score in scores)


def test_answers_have_intervals_that_hold_them(scores: list[Score]) -> None:
    for score in scores:
        if score.status == "ok":
            assert isinstance(score.predicted, float)
            assert score.low is not None
            assert score.high is not None
            assert 0 < score.low <= score.predicted <= score.high


def test_rows_never_fitted_are_predicted_within_a_quarter(scores: list[Score]) -> None:
    errors = [
        abs(score.error_pct)
        for score in scores
        if score.quantity == "tpot_ms" and score.status == "ok" and not score.fitted and score.error_pct is not None
    ]
    assert len(errors) > 100
    assert median(errors) < 25


def test_intervals_cover_most_rows_never_fitted(scores: list[Score]) -> None:
    held = [score for score in scores if score.quantity == "tpot_ms" and score.status == "ok" and not score.fitted]
    covered = sum(
        score.low <= score.measured <= score.high
        for score in held
        if score.low is not None and score.high is not None and isinstance(score.measured, float)
    )
    assert covered / len(held) > 0.8


def test_the_peer_stands_beside_us_by_case_and_quantity(scores: list[Score]) -> None:
    with PEERS.open(newline="") as stream:
        told = {(row["case_id"], row["quantity"]): row for row in csv.DictReader(stream)}
    ours = {(score.case_id, score.quantity): score for score in scores}
    assert told.keys() <= ours.keys()
    assert all(bool(row["why"]) != bool(row["predicted"]) for row in told.values())
    assert len({at for at, row in told.items() if row["predicted"]}) > 600
    for at, score in ours.items():
        answer = told.get(at, {}).get("predicted")
        assert score.peer_predicted == (float(answer) if answer else None)
        if score.peer_predicted is not None:
            assert isinstance(score.measured, float)
            assert score.peer_error_pct == pytest.approx(100.0 * (score.peer_predicted / score.measured - 1.0))


def test_a_users_rows_are_not_joined_with_the_peer_s(tmp_path: Path) -> None:
    copy = tmp_path / "cases.csv"
    copy.write_bytes(CASES.read_bytes())
    assert not any(score.peer for score in validate(load(), copy))


def test_a_users_table_needs_only_the_columns_it_uses(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,model,chip_id,tp,isl,osl,concurrency,weight_precision,tpot_ms\n"
        "mine,Llama 3.1 70B,nvidia-h100-sxm-80gb,8,1024,256,16,fp8,12\n"
        "whose,some-secret-model,nvidia-h100-sxm-80gb,8,1024,256,16,fp8,12\n"
        "how,llama-3.1-70b,nvidia-h100-sxm-80gb,,1024,256,16,fp8,12\n"
    )
    mine, whose, how = validate(load(), cases)
    assert (mine.status, mine.quantity, mine.fitted) == ("ok", "tpot_ms", False)
    assert whose.status == "unsupported"
    assert "some-secret-model" in whose.why
    assert how.status == "underspecified"


def test_a_table_without_its_key_columns_is_refused(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text("model,chip\nllama,h100\n")
    with pytest.raises(InputError, match="lacks the column 'case_id'"):
        validate(load(), cases)


def test_a_row_whose_figures_contradict_each_other_is_implausible(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,model,chip_id,tp,isl,osl,concurrency,weight_precision,tpot_ms,output_tps_per_accel\n"
        "odd,qwen3-30b-a3b,huawei-ascend-910b3,1,2000,100,500,bf16,194.5,742\n"
    )
    odd = validate(load(), cases)
    assert {score.status for score in odd} == {"implausible"}
    assert "ran together" in odd[0].why


def test_a_deployment_that_only_reads_prompts_is_answered_in_prompt_tokens(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,model,chip_id,mode,prefill_ep,isl,weight_precision,input_tps_per_accel\n"
        "p,deepseek-v3,nvidia-h100-sxm-80gb,prefill only,32,4096,fp8,6000\n"
    )
    (score,) = validate(load(), cases)
    assert score.status == "ok"
    assert isinstance(score.predicted, float)
    assert 500 < score.predicted < 50_000


def test_two_rows_of_one_id_are_refused_with_both_lines(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text("case_id,model,chip_id\nsame,a,b\nother,a,b\nsame,c,d\n")
    with pytest.raises(InputError, match=r":4: case_id: stands twice; found 'same'; line 2 has it first"):
        validate(load(), cases)


def answers(tmp_path: Path, **changes: str) -> list[Score]:
    row = {
        "case_id": "one",
        "model": "llama-3.1-70b",
        "chip_id": "nvidia-h100-sxm-80gb",
        "accelerator": "",
        "tp": "8",
        "pp": "1",
        "isl": "1024",
        "osl": "256",
        "concurrency": "16",
        "weight_precision": "fp8",
        "spec_decoding": "none",
        "mode": "aggregated",
        "tpot_ms": "12",
    } | changes
    cases = tmp_path / "cases.csv"
    cases.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    return validate(load(), cases)


def test_case_and_blanks_around_a_cell_do_not_matter(tmp_path: Path) -> None:
    (plain,) = answers(tmp_path)
    (padded,) = answers(tmp_path, mode=" Aggregated ", weight_precision=" FP8", tp=" 8 ", isl="1.024e3")
    (named,) = answers(tmp_path, chip_id="", accelerator="NVIDIA H100 SXM")
    assert plain.status == "ok"
    assert plain.predicted == padded.predicted == named.predicted
    narrow, shouted = (answers(tmp_path, kv_precision=one)[0].predicted for one in ("fp8", " FP8"))
    assert narrow == shouted != plain.predicted


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"chip_id": "mthreads-s5000"}, "unsupported", "bf16"),
        ({"chip_id": "mthreads-s5000", "mode": "MLPerf Offline", "model": "llama2-70b-99.9"}, "unsupported", "bf16"),
        ({"chip_id": ""}, "underspecified", "chip is not stated"),
        ({"tp": "2.5"}, "implausible", "not a whole number"),
        ({"pp": "128"}, "implausible", "80 layers"),
        ({"model": "deepseek-v3", "ep": "16"}, "implausible", "experts over 16 chips"),
        ({"spec_decoding": "EAGLE3"}, "unsupported", "speculative"),
        ({"weight_precision": "hif8"}, "unsupported", "hif8"),
    ],
)
def test_a_row_that_can_not_be_asked_says_why(tmp_path: Path, changes: dict[str, str], status: str, why: str) -> None:
    (score,) = answers(tmp_path, **changes)
    assert score.status == status
    assert why in score.why
    assert score.predicted is None


@pytest.mark.parametrize("cell", ["abc", "-5", "0", "inf", "nan"])
def test_a_measurement_that_can_not_be_read_is_told_and_spoils_no_other(tmp_path: Path, cell: str) -> None:
    found = {score.quantity: score for score in answers(tmp_path, tpot_ms=cell, ttft_ms="250")}
    assert found["ttft_ms"].status == "ok"
    odd = found["tpot_ms"]
    assert (odd.status, odd.measured, odd.predicted) == ("underspecified", cell, None)
    assert odd.why == f"tpot_ms is no number above zero: {cell!r}"


def test_a_refused_row_tells_what_could_not_be_read_too(tmp_path: Path) -> None:
    found = answers(tmp_path, tpot_ms="abc", ttft_ms="250", chip_id="")
    assert {(score.quantity, score.measured) for score in found} == {("ttft_ms", 250.0), ("tpot_ms", "abc")}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"isl": "1e18"}, "isl: is no sane quantity; found '1e18'; allowed: above 0, below 1e+12"),
        ({"concurrency": "inf"}, "concurrency: is no sane quantity"),
        ({"weight_precision": "fp7"}, "weight_precision: unknown weight format; found 'fp7'"),
        ({"weight_precision": "fp7"}, "did you mean fp8?"),
        ({"kv_precision": "fp7"}, "kv_precision: is no precision of a cache; found 'fp7'; allowed: auto, bf16, fp8"),
    ],
)
def test_a_refusal_names_the_column_and_what_is_allowed(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    (score,) = answers(tmp_path, **changes)
    assert score.status == "unsupported"
    assert why in score.why


def test_most_of_the_public_rows_are_answered(scores: list[Score]) -> None:
    cases = {score.case_id for score in scores}
    answered = {score.case_id for score in scores if score.status == "ok"}
    assert len(answered) >= 0.9 * len(cases)


def test_prompts_that_no_chip_could_have_read_are_implausible(tmp_path: Path) -> None:
    (score,) = answers(tmp_path, isl="15000", osl="500", concurrency="4000", ttft_ms="500")[:1]
    assert score.status == "implausible"
    assert "prompt tokens a second" in score.why


@pytest.mark.parametrize(("mode", "model"), [("MLPerf Offline", "llama2-70b-99.9"), ("MLPerf Server", "llama3.1-8b")])
def test_a_summary_of_mlperf_is_answered_with_the_lengths_of_its_dataset(tmp_path: Path, mode: str, model: str) -> None:
    found = answers(
        tmp_path,
        mode=mode,
        model=model,
        tp="",
        isl="MLPerf dataset",
        osl="MLPerf dataset",
        concurrency="",
        num_accelerators="8",
        tpot_ms="",
        output_tps_per_accel="3000",
    )
    assert [score.status for score in found] == ["ok"]


def served(tmp_path: Path, notes: str) -> float:
    mlperf = {"mode": "MLPerf Server", "model": "llama2-70b-99.9", "num_accelerators": "8", "notes": notes}
    blank = {"isl": "", "osl": "", "concurrency": "", "tp": "", "tpot_ms": "", "output_tps_per_accel": "3000"}
    (score,) = answers(tmp_path, **mlperf, **blank)
    assert score.status == "ok"
    return score.predicted


def test_a_run_that_had_to_keep_latencies_is_answered_under_them(tmp_path: Path) -> None:
    free, loose, tight = (
        served(tmp_path, notes)
        for notes in ("available", "TTFT<=60s TPOT<=2000ms p99", "TTFT<=450ms TPOT<=40ms p99; available")
    )
    assert tight < 0.8 * loose
    assert loose == pytest.approx(free, rel=0.1)


def test_latencies_that_no_load_keeps_are_answered_by_what_comes_nearest(tmp_path: Path) -> None:
    assert 0.0 < served(tmp_path, "TTFT<=1ms TPOT<=1ms p99") < served(tmp_path, "TTFT<=450ms TPOT<=40ms p99")


def test_a_benchmark_whose_dataset_is_not_known_is_underspecified(tmp_path: Path) -> None:
    (score,) = answers(tmp_path, mode="MLPerf Offline", model="qwen3-32b", num_accelerators="8")
    assert score.status == "underspecified"
    assert "dataset" in score.why


def test_workers_that_a_row_counts_are_taken_and_others_are_usual_ones(tmp_path: Path) -> None:
    apart = {"mode": "disaggregated", "prefill_tp": "4", "decode_tp": "8", "concurrency": "256", "tpot_ms": "20"}
    (usual,) = answers(tmp_path, **apart)
    (one,) = answers(tmp_path, **apart, prefill_workers="4", decode_workers="1")
    (many,) = answers(tmp_path, **apart, prefill_workers="4", decode_workers="8")
    assert usual.status == one.status == many.status == "ok"
    assert one.predicted > many.predicted


def test_experts_spread_further_than_heads_make_every_chip_an_attention_rank(tmp_path: Path) -> None:
    (score,) = answers(tmp_path, model="deepseek-v3", tp="72", ep="72", chip_id="nvidia-gb200", concurrency="1024")
    assert score.status == "ok"


@pytest.mark.parametrize(
    ("stated", "format_of_row"), [("fp4", "mxfp4-fp8"), ("", "mxfp4-fp8"), ("nvfp4", "nvfp4"), ("fp8", "fp8")]
)
def test_four_bits_of_a_model_published_so_are_its_own(stated: str, format_of_row: str) -> None:
    row = {"model": "dsv4", "chip_id": "amd-mi355x", "tp": "8", "isl": "1024", "osl": "1024", "concurrency": "4"}
    asked = read(load(), row | {"weight_precision": stated})
    assert isinstance(asked, Question)
    assert asked.asked.layout.precision == format_of_row


def test_a_module_that_predicts_tokens_ahead_is_answered(tmp_path: Path) -> None:
    row = {"model": "deepseek-v3", "chip_id": "nvidia-h200-sxm-141gb"}
    (plain,) = answers(tmp_path, **row)
    (drafted,) = answers(tmp_path, **row, spec_decoding="mtp")
    assert drafted.predicted < plain.predicted


def test_times_per_token_of_a_constant_load_never_fitted_are_within_the_bar(scores: list[Score]) -> None:
    errors = [
        abs(score.error_pct)
        for score in scores
        if (score.quantity, score.kind, score.status) == ("tpot_ms", "aggregated", "ok")
        if not score.fitted and score.error_pct is not None
    ]
    assert len(errors) > 80
    assert median(errors) < 12


@pytest.mark.parametrize("vendor", ["", "NVIDIA", "AMD"])
def test_intervals_of_sources_left_out_cover_what_they_promise(vendor: str) -> None:
    left = [one for one in read_left_out(SERVING_LEFT_OUT) if one.low is not None and one.vendor.startswith(vendor)]
    inside = sum(one.low <= one.measured <= one.high for one in left)
    assert len(left) > 30
    assert inside / len(left) > 0.85
    # Nor more than 95 %, as far as so many figures can tell.
    assert binomtest(inside, len(left), 0.95, "greater").pvalue > 0.05
