"""Defaults of serving engines: what a pass takes on depends on the chip."""

import pytest

from polysilicon.facts import load
from polysilicon.facts.engines import ServingEngine


@pytest.mark.parametrize(
    ("engine", "chip", "memory_gib", "expected"),
    [
        ("vllm", "nvidia-h100-sxm-80gb", 80.0, (8192.0, 1024.0)),
        ("vllm", "nvidia-a100-sxm-80gb", 80.0, (2048.0, 256.0)),
        ("vllm", "nvidia-l40s", 48.0, (2048.0, 256.0)),
        ("sglang", "nvidia-b200-sxm", 180.0, (16384.0, 2048.0)),
        ("sglang", "nvidia-h200-sxm-141gb", 141.0, (8192.0, 2048.0)),
        ("trtllm", "nvidia-h100-sxm-80gb", 80.0, (8192.0, 2048.0)),
    ],
)
def test_what_a_pass_takes_on(engine: str, chip: str, memory_gib: float, expected: tuple[float, float]) -> None:
    assert load().get(ServingEngine, engine).takes(chip, memory_gib) == expected


def test_small_chips_are_chips_of_the_catalogue() -> None:
    from polysilicon.facts.hardware import Chip

    known = set(load().ids(Chip))
    assert all(set(engine.small_chips) <= known for engine in load().every(ServingEngine))


def test_a_benchmark_in_its_own_process_has_the_overheads_of_an_engine_of_the_catalogue() -> None:
    engines = load().every(ServingEngine)
    assert load().get(ServingEngine, "trtllm").in_process == "mlperf"
    assert {one.in_process for one in engines} - {""} <= {one.id for one in engines}
