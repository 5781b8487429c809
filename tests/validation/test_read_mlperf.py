"""The reader of what submitters to MLPerf publish: settings are parsed, never run, and results are not read."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PLACE = "closed/HPE/configs/HPE_H200-SXM-141GBx8_TRT/Offline/llama2-70b.py"
# Made for this test in the form of such files; no submitter's.
FILE = """
import code.common.constants as C
base = {
    model_fields.gpu_batch_size: {"llama2-70b": 512},
    model_fields.precision: "fp8",
    llm_fields.tensor_parallelism: 2,
    llm_fields.pipeline_parallelism: 2,
    llm_fields.trtllm_runtime_flags: {"max_num_tokens": 4096, "kvcache_free_gpu_mem_frac": 0.95},
    llm_fields.trtllm_build_flags: {"gemm_allreduce_plugin": "float16"},
    harness_fields.tensor_path: "somewhere",
    loadgen_fields.offline_expected_qps: 81.5,
}
EXPORTS = {C.WorkloadSetting(C.HarnessType.Custom, C.AccuracyTarget(0.999), C.PowerSetting.MaxP): base}
"""


@pytest.fixture(scope="module")
def reader(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("read_mlperf")


def test_a_file_for_the_harness_tells_its_settings(reader: ModuleType) -> None:
    (row,) = reader.of_nvidia(reader.NVIDIA.fullmatch(PLACE), FILE)
    told = {name: row[name] for name in ("chip_id", "accelerators", "model", "tp", "pp", "precision", "chunk_tokens")}
    assert told == {
        "chip_id": "nvidia-h200-sxm-141gb",
        "accelerators": "8",
        "model": "llama-2-70b",
        "tp": 2,
        "pp": 2,
        "precision": "fp8",
        "chunk_tokens": 4096,
    }
    assert (row["accuracy_pct"], row["power"], row["memory_share"], row["fused_reductions"]) == (
        "99.9",
        "MaxP",
        0.95,
        1,
    )
    # A batch for each stage of the pipeline.
    assert row["sequences"] == 1024


def test_rates_that_a_run_aims_at_are_not_read(reader: ModuleType) -> None:
    ((_, fields),) = reader.exports(FILE)
    assert not any("qps" in name for name in fields)
    assert set(reader.COLUMNS) >= {"tp", "sequences"}
    assert not any("qps" in name or "tps" in name for name in reader.COLUMNS)


@pytest.mark.parametrize("written", ["dict(a=1)", "{**base}", "[one for one in range(3)]"])
def test_what_only_running_would_tell_is_refused(reader: ModuleType, written: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(reader.exports(f"base = {{}}\nmore = {written}\nEXPORTS = {{}}"))


def test_nothing_in_a_file_is_run(reader: ModuleType, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n{FILE}"
    list(reader.exports(text))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("system", "chip"),
    [
        ("GB300-NVL_186GB_aarch64x72", "nvidia-gb300"),
        ("H200-NVL-141GBx4_TRT", "nvidia-h200-nvl-141gb"),
        ("H200_NVL_141GBx4", "nvidia-h200-nvl-141gb"),
        ("L40Sx8", "nvidia-l40s"),
        ("unheard-of", ""),
    ],
)
def test_a_systems_name_says_its_chip(reader: ModuleType, system: str, chip: str) -> None:
    assert reader.chip_in(system) == chip


def test_a_script_for_intels_harness_tells_what_holds_where_there_are_gpus(reader: ModuleType) -> None:
    place = reader.INTEL.fullmatch("closed/Intel/code/llama3.1-8b/pytorch-xpu/model_init/llama3_1-8b/init_env_server")
    text = (
        "if gpu; then\nexport TP=1\nexport BATCH_SIZE=896\nexport GPU_MEMORY_UTILIZATION=0.9\nelse\nexport TP=7\nfi\n"
    )
    (row,) = reader.of_intel(place, text)
    assert (row["tp"], row["sequences"], row["memory_share"], row["chip_id"]) == (
        "1",
        "896",
        "0.9",
        "intel-arc-pro-b60",
    )
    assert (row["scenario"], row["model"], row["accuracy_pct"]) == ("Server", "llama-3.1-8b", "99")
