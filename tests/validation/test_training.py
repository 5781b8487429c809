import csv
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.records.errors import InputError
from polysilicon.validation.score import Score
from polysilicon.validation.training import CASES, validate
from polysilicon.validation.training_cases import jobs_of, prepare
from polysilicon.validation.training_table import MEASURED, read_cases

CATALOGUE = load()


@pytest.fixture(scope="module")
def scores():
    return validate(CATALOGUE)


@pytest.fixture(scope="module")
def rows():
    with CASES.open(encoding="utf-8") as stream:
        return {row["case_id"]: row for row in csv.DictReader(stream)}


def used_rows():
    used = set()
    for name in ("training_split.csv", "samples_split.csv"):
        with CASES.with_name(name).open(encoding="utf-8") as stream:
            used |= {row["case_id"] for row in csv.DictReader(stream) if row["fitted"] == "1"}
    return used


def leading(scores: Iterable[Score]) -> list[Score]:
    """One score a case: its time, else its throughput, else its rate or utilisation."""
    order = {name: at for at, name in enumerate(MEASURED[:6])}
    best: dict[str, Score] = {}
    for one in scores:
        if one.quantity in order and one.predicted is not None:
            known = best.get(one.case_id)
            if known is None or order[one.quantity] < order[known.quantity]:
                best[one.case_id] = one
    return list(best.values())


def coverage(scores: Iterable[Score]) -> tuple[int, float]:
    """Number of leading `ok` scores, and the share [%] of them whose measured value lies inside the interval."""
    held = [
        one.low <= one.measured <= one.high
        for one in leading(scores)
        if one.status == "ok" and one.low is not None and one.high is not None and isinstance(one.measured, float)
    ]
    return len(held), 100.0 * sum(held) / max(len(held), 1)


def test_every_row_is_answered_and_every_refusal_has_a_reason(scores, rows):
    assert {one.case_id for one in scores} == set(rows)
    assert all(one.why for one in scores if one.status != "ok")
    assert all(one.low <= one.predicted <= one.high for one in scores if isinstance(one.predicted, float))


def test_every_measured_quantity_of_a_row_has_its_score(scores, rows):
    stated = Counter(
        (case, name)
        for case, row in rows.items()
        for name in ("step_time_s", "tokens_per_s_per_chip", "mfu_pct", "peak_mem_gib", "time_to_train_min")
        if row[name]
    )
    assert not stated - Counter((one.case_id, one.quantity) for one in scores)


def test_fully_specified_rows_are_within_the_bar(scores, rows):
    full = [one for one in leading(scores) if one.status == "ok" and rows[one.case_id]["fully_specified"] == "1"]
    unseen = [abs(one.error_pct) for one in full if not one.fitted]
    assert len(full) > 750
    assert np.median([abs(one.error_pct) for one in full]) < 12
    assert len(unseen) > 150
    assert np.median(unseen) < 12


def test_intervals_hold_nine_of_ten_rows_never_fitted(scores):
    count, share = coverage([one for one in scores if not one.fitted])
    assert count > 150
    assert 85 < share < 96


def test_rows_that_contradict_themselves_are_recognised_and_not_fitted(scores, rows):
    flagged = {case for case, row in rows.items() if row["check"].startswith("DISAGREE") or row["quality"] == "D"}
    mine = [one for one in scores if one.case_id in flagged]
    assert not flagged & used_rows()
    assert {one.status for one in mine} <= {"implausible", "unsupported"}


def test_rows_whose_source_contradicts_their_settings_are_no_truth(scores, rows):
    disputed = {one for one, row in rows.items() if row["source_key"] == "D-nemo-a100" and row["model"] == "GPT3-175B"}
    assert len(disputed) == 5
    mine = [one for one in scores if one.case_id in disputed]
    assert {one.status for one in mine} == {"implausible"}
    assert all("October 2022" in one.why for one in mine)
    assert not disputed & used_rows()


def test_what_a_benchmark_publishes_of_its_software_goes_before_a_row_s_words():
    cases = {one.id: one for one in read_cases(CASES)}
    own, packed = (prepare(CATALOGUE, cases[one]).recipe for one in ("D-automodel-011", "C-dgxc-benchmarking-263"))
    assert "TE +" in cases["D-automodel-011"].word("other_tricks")
    assert own["tuned_attention"] == 0.0
    assert (own["sample_tokens"], packed["sample_tokens"]) == (np.inf, 200.0)


def test_packed_samples_of_unsaid_length_are_left_open_and_spanned(scores, rows):
    mine = [one for one in scores if "reset-position-ids" in rows[one.case_id]["other_tricks"]]
    assert len(mine) == 8
    assert all(one.status == "underspecified" and one.why.endswith("sample_tokens") for one in mine)
    held = [one.low <= one.measured <= one.high for one in mine]
    assert sum(held) >= 6


def test_the_fit_prices_a_row_as_its_prediction_does(script):
    cases = {one.id: one for one in read_cases(CASES)}
    made = [prepare(CATALOGUE, cases[one]) for one in ("S-stas-ml-engineering-002", "C-dgxc-benchmarking-198")]
    fitted, predicted = script("calibrate").table(made, CATALOGUE).job, jobs_of(CATALOGUE, made)[0]
    for name in ("shape", "layouts", "recipe", "host"):
        own, other = (vars(getattr(one, name)) for one in (fitted, predicted))
        assert own.keys() == other.keys()
        assert all(np.array_equal(own[one], other[one]) for one in own), name
    for name in ("sequence", "global_batch", "node_size"):
        assert np.array_equal(getattr(fitted, name), getattr(predicted, name)), name


def test_products_are_fitted_from_no_more_than_a_chip_sustains(script):
    shares = script("calibrate").kernel_shares(CATALOGUE, "amd-mi300x")
    assert (shares["bf16"], shares["fp8"]) == pytest.approx((708 / 1307.4, 1273 / 2614.9))


def test_a_users_own_table_with_few_columns_is_read(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text(
        "case_id,model,chip_id,chips,tp,pp,dp,cp,ep,micro_batch,global_batch,seq_len,precision,recompute,zero_stage,"
        "step_time_s\nmine,llama-3.1-8b,nvidia-h100-sxm-80gb,8,1,1,8,1,1,1,128,8192,bf16,none,1,\n"
        "timed,llama-3.1-8b,nvidia-h100-sxm-80gb,8,2,1,4,1,1,1,128,8192,bf16,none,1,14.2\n"
        "unknown,no-such-model,nvidia-h100-sxm-80gb,8,2,1,4,1,1,1,128,8192,bf16,none,1,14.2\n"
    )
    found = {one.case_id: one for one in validate(CATALOGUE, table)}
    assert (found["mine"].status, found["mine"].why) == ("unsupported", "the row states no measured figure")
    assert found["timed"].status == "ok"
    assert abs(found["timed"].error_pct) < 40
    assert found["unknown"].predicted is None
    assert "layers" in found["unknown"].why


def test_a_choice_left_open_widens_the_interval(tmp_path):
    table = tmp_path / "own.csv"
    header = "case_id,model,chip_id,chips,tp,pp,dp,cp,ep,micro_batch,global_batch,seq_len,precision,zero_stage,"
    row = "llama-3.1-8b,nvidia-h100-sxm-80gb,8,4,1,2,1,1,1,128,8192,bf16,1,{recompute},14.2"
    lines = [f"{name}," + row.format(recompute=name if name != "open" else "") for name in ("none", "full", "open")]
    table.write_text("\n".join([header + "recompute,step_time_s", *lines, ""]))
    none, full, unknown = validate(CATALOGUE, table)
    assert unknown.status == "underspecified"
    assert (unknown.low, unknown.high) == (none.low, full.high)
    assert none.predicted == unknown.predicted < full.predicted  # people run the fastest that fits


def test_a_choice_that_cannot_fit_in_memory_is_not_left_open(tmp_path):
    table = tmp_path / "own.csv"
    header = "case_id,model,chip_id,chips,tp,pp,dp,cp,ep,micro_batch,global_batch,seq_len,precision,zero_stage,"
    row = "llama-3.1-8b,nvidia-h100-sxm-80gb,8,4,1,2,1,1,8,128,8192,bf16,1,{recompute},14.2"
    lines = [f"{name}," + row.format(recompute=name if name != "open" else "") for name in ("full", "open")]
    table.write_text("\n".join([header + "recompute,step_time_s", *lines, ""]))
    full, unknown = validate(CATALOGUE, table)
    assert (unknown.low, unknown.predicted, unknown.high) == (full.low, full.predicted, full.high)


def test_a_chip_or_word_that_can_not_be_used_is_a_reason_not_a_crash(tmp_path):
    table = tmp_path / "own.csv"
    rest = "8,1,1,8,1,1,1,128,8192,{precision},{recompute},1,14.2"
    lines = [
        "weak,llama-3.1-8b,mthreads-s5000," + rest.format(precision="fp8", recompute="none"),
        "narrow,llama-3.1-8b,nvidia-a100-sxm-80gb," + rest.format(precision="fp8", recompute="none"),
        "word,llama-3.1-8b,nvidia-h100-sxm-80gb," + rest.format(precision="bf16", recompute="often"),
        "odd,llama-3.1-8b,nvidia-h100-sxm-80gb,8,2,1,8,1,1,1,128,8192,bf16,none,1,14.2",
    ]
    header = "case_id,model,chip_id,chips,tp,pp,dp,cp,ep,micro_batch,global_batch,seq_len,precision,recompute,"
    table.write_text("\n".join([header + "zero_stage,step_time_s", *lines, ""]))
    found = {one.case_id: one for one in validate(CATALOGUE, table)}
    assert {name: one.status for name, one in found.items()} == {
        "weak": "unsupported",
        "narrow": "unsupported",
        "word": "unsupported",
        "odd": "implausible",
    }
    assert "multiply to 16" in found["odd"].why


STATED = {
    "case_id": "mine",
    "model": "llama-3.1-8b",
    "kind": "dense",
    "chip_id": "nvidia-h100-sxm-80gb",
    "phase": "training",
    "chips": "16",
    "tp": "2",
    "pp": "2",
    "dp": "4",
    "cp": "1",
    "ep": "1",
    "interleave": "1",
    "micro_batch": "1",
    "global_batch": "128",
    "seq_len": "8192",
    "precision": "bf16",
    "recompute": "none",
    "zero_stage": "1",
    "n_experts": "",
    "topk": "",
    "step_time_s": "10",
}


def answer(tmp_path, **changes):
    row = STATED | changes
    table = tmp_path / "own.csv"
    table.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (score,) = validate(CATALOGUE, table)
    return score


@pytest.mark.parametrize(
    "changes",
    [
        {"dp": ""},
        {"ep": ""},
        {"kind": "Dense", "phase": "Pretrain", "precision": "BFloat16", "recompute": "No"},
        {"precision": "fp16/bf16 (AMP)", "model": "meta-llama/Llama-3.1-8B-Instruct"},
    ],
)
def test_what_follows_from_other_cells_need_not_be_stated(tmp_path, changes):
    whole = answer(tmp_path)
    assert whole.status == "ok"
    assert answer(tmp_path, **changes).predicted == whole.predicted


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tp": "7", "pp": "1", "dp": "1", "chips": "7"}, "32 attention heads"),
        ({"pp": "64", "chips": "512"}, "32 layers do not fill 64"),
        ({"global_batch": "2"}, "4 replicas"),
        ({"dp": "", "chips": "18"}, "not whole numbers"),
        ({"ep": "16"}, "do not fill expert parallelism"),
        ({"zero_stage": "7"}, "there is no ZeRO stage 7"),
        ({"model": "mixtral-8x7b", "ep": "16", "kind": "moe"}, "8 experts do not fill"),
    ],
)
def test_a_row_that_no_cluster_could_run_is_implausible(tmp_path, changes, why):
    score = answer(tmp_path, **changes)
    assert score.status == "implausible"
    assert why in score.why


def test_a_shape_without_its_feed_forward_width_is_not_taken_for_one_without_it(tmp_path):
    shape = {"layers": "40", "hidden": "5120", "heads": "40", "kv_heads": "40", "head_dim": "128", "vocab": "32000"}
    half = answer(tmp_path, model="nobody-13b", **shape)
    whole = answer(tmp_path, model="nobody-13b", ffn_hidden="13824", **shape)
    assert (half.status, half.predicted) == ("underspecified", None)
    assert "ffn_hidden" in half.why
    assert whole.status == "ok"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("case_id,chips\nx,8\n", "model"),
        ("case_id,model\n", "no rows"),
        ("case_id,model,chips\nx,llama,eight\n", r"own\.csv:2: chips: not a number; found 'eight'"),
        ("case_id,model,chips\nx,llama,-8\n", r"own\.csv:2: chips: not a sane quantity"),
    ],
)
def test_a_broken_table_is_refused_with_the_place(tmp_path, text, problem):
    table = tmp_path / "own.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=problem):
        validate(CATALOGUE, table)


def test_only_rows_that_were_fitted_and_their_duplicates_are_called_so(scores, rows):
    fitted = {one.case_id for one in scores if one.fitted}
    used = used_rows()
    groups = {rows[case]["dup_group"] for case in used} - {""}
    assert used <= fitted
    assert all(rows[case]["dup_group"] in groups for case in fitted - used)
    assert {one.status for one in scores if one.case_id in used} == {"ok"}


def test_a_model_whose_training_is_not_modelled_is_unsupported_however_much_its_row_states(scores):
    mine = [one for one in scores if one.case_id == "B-megatron-bridge-003"]
    assert {one.status for one in mine} == {"unsupported"}
    assert all("training with compressed attention" in one.why and one.predicted is None for one in mine)
