"""An offline benchmark sends as many requests as its document says, all at once."""

import pytest

from polysilicon.facts import load
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_table import evaluate
from polysilicon.validation.serving_batches import BATCH, OFFLINE, sent_at_once
from polysilicon.validation.serving_cases import Question, question

CATALOGUE = load()
ROW = {
    "mode": OFFLINE,
    "source": "NVIDIA TensorRT-LLM docs/source/developer-guide/perf-overview.md @03e27c7d5ff0",
    "model": "GPT-OSS 120B",
    "accelerator": "NVIDIA B200 SXM",
    "num_accelerators": "1",
    "tp": "1",
    "framework": "trtllm",
    "isl": "1024",
    "osl": "8192",
}


def asked(**cells: str) -> Question:
    found = question(CATALOGUE, ROW | cells)
    assert isinstance(found, Question)
    return found


def test_a_run_sends_as_many_requests_as_its_document_says() -> None:
    found = asked()
    assert (found.way, found.asked.concurrency, found.asked.cache) == ("batch", 1500.0, "fp8")


def test_on_hopper_the_document_leaves_the_cache_to_the_engine() -> None:
    assert asked(accelerator="NVIDIA H200 SXM").asked.layout.cache == "auto"


@pytest.mark.parametrize("cell", [{"isl": "2048"}, {"source": "another document"}])
def test_a_run_whose_document_says_nothing_is_left_as_it_is(cell: dict[str, str]) -> None:
    assert sent_at_once(ROW | cell, "gpt-oss-120b", "nvidia-b200-sxm") == ROW | cell
    assert asked(**cell).way == "offline"


def test_what_a_row_says_of_its_cache_stays() -> None:
    assert sent_at_once(ROW | {"kv_precision": "bf16"}, "gpt-oss-120b", "nvidia-b200-sxm")["kv_precision"] == "bf16"


def test_a_batch_is_no_quicker_than_requests_without_end() -> None:
    found = asked().asked
    batch, endless = (evaluate(Candidates.of([found]), way).tokens_per_s_per_chip[0] for way in ("batch", "offline"))
    assert 0.5 * endless < batch < endless


def test_a_run_is_sent_as_a_batch() -> None:
    assert sent_at_once(ROW, "gpt-oss-120b", "nvidia-b200-sxm")["mode"] == BATCH


def test_a_benchmark_that_calls_the_engine_itself_has_no_servers_overheads() -> None:
    found = asked().asked
    assert (found.engine.id, found.fitted_as) == ("trtllm", "mlperf")
    assert asked(source="another document").asked.fitted_as == "trtllm"
    assert asked(in_process="0").asked.fitted_as == "trtllm"
