"""Who ran what was measured: the vendor of the chip, or somebody else."""

from polysilicon.validation.publishers import vendor_tuned


def test_a_source_of_the_vendor_is_its_own_tuning() -> None:
    assert vendor_tuned({"source_key": "C-dgxc-benchmarking"}, "NVIDIA")
    assert not vendor_tuned({"source_key": "C-dgxc-benchmarking"}, "AMD")
    assert not vendor_tuned({"source_key": "A-llm-foundry"}, "NVIDIA")


def test_a_paper_is_known_by_its_number_too() -> None:
    assert vendor_tuned({"source_key": "Korthikanti et al. ... arXiv:2205.05198 (2022-05)"}, "NVIDIA")


def test_who_submits_to_a_benchmark_runs_the_vendor_s_code() -> None:
    row = {"source_key": "L-mlperf-llama2_70b_lora", "source_ref": "NVIDIA/results/h200_ngc24.04_nemo/llama2_70b_lora"}
    assert vendor_tuned(row, "NVIDIA")
    assert vendor_tuned(row | {"source_ref": "Dell/results/1xXE9680Lx8B200/llama2_70b_lora"}, "NVIDIA")


def test_a_row_without_a_source_is_nobody_s() -> None:
    assert not vendor_tuned({}, "NVIDIA")
