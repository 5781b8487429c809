"""The reader of what InferenceX publishes of its runs: its lists, and the scripts that start its servers."""

from collections.abc import Callable
from types import ModuleType

import pytest

# Made for this test in the form of such scripts; nobody's.
STARTS = """\
# --kv-cache-dtype fp8 --chunked-prefill-size 1
INTERVAL=10
if [[ "$TP" == "8" && $CONC -ge 64 ]]; then
  INTERVAL=30
elif [[ $CONC -lt 8 ]]; then
  INTERVAL=1
fi
if [ -z "$HOST" ]; then
  INTERVAL=99
fi
python3 -m sglang.launch_server --chunked-prefill-size 16384 --scheduler-recv-interval $INTERVAL \\
  --kv-cache-dtype fp8_e4m3 --speculative-num-steps 3
"""


@pytest.fixture(scope="module")
def reader(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("read_inferencex")


def test_a_script_tells_its_cache_its_chunks_and_what_it_drafts(reader: ModuleType) -> None:
    assert reader.settings(STARTS) == {"kv_precision": "fp8", "chunk_tokens": "16384", "draft_tokens": "3"}


def test_a_script_that_names_two_chunks_tells_none(reader: ModuleType) -> None:
    assert reader.settings(STARTS + "--max-num-batched-tokens 8192")["chunk_tokens"] == ""


@pytest.mark.parametrize(
    ("tp", "load", "looks"), [("8", "64", "30"), ("8", "32", "10"), ("4", "64", "10"), ("4", "4", "1"), ("8", "4", "1")]
)
def test_looks_at_the_queue_follow_the_conditions_of_a_script(
    reader: ModuleType, tp: str, load: str, looks: str
) -> None:
    assert reader.looks(STARTS, {"TP": tp, "CONC": load}) == looks


def test_what_depends_on_an_unknown_variable_is_refused(reader: ModuleType) -> None:
    with pytest.raises(KeyError):
        reader.looks("--scheduler-recv-interval $UNSEEN", {})


def test_loads_are_a_list_or_doublings(reader: ModuleType) -> None:
    assert reader.in_flight({"conc-list": [3, 5]}) == [3, 5]
    assert reader.in_flight({"conc-start": 4, "conc-end": 100}) == [4, 8, 16, 32, 64]


def test_a_split_deployment_tells_its_workers_and_what_they_draft(reader: ModuleType) -> None:
    prefill = {"num-worker": 2, "tp": 4, "ep": 4, "dp-attn": True}
    decode = {"num-worker": 1, "tp": 8, "ep": 8, "dp-attn": False, "additional-settings": ["CONFIG=x_mtp2.yaml"]}
    told = reader.of_workers({"prefill": prefill, "decode": decode, "spec-decoding": "mtp"})
    assert (told["prefill_workers"], told["prefill_tp"], told["decode_workers"], told["decode_ep"]) == (2, 4, 1, 8)
    assert told["draft_tokens"] == "2"
    plain = reader.of_workers({"prefill": prefill, "decode": decode, "spec-decoding": "none"})
    assert "draft_tokens" not in plain
