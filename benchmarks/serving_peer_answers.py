"""The peer's side of `serving_peer.py`: AIConfigurator's answers to questions on stdin, as JSON on stdout.

It needs AIConfigurator and the standard library alone, so that it can run under an interpreter that lacks polysilicon.
Each question is the keywords of one call of `aiconfigurator.cli.api.cli_estimate`. The version of its current tables is
looked up once for each system and engine: left to each call, that search takes nearly all of the call's time.
"""

import contextlib
import functools
import json
import logging
import sys
import time
from typing import Any

Question = dict[str, Any]


def main() -> None:
    """Answer every question twice: the first pass reads the tables, the second says what an estimate costs after."""
    questions: list[Question] = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        from aiconfigurator.cli.api import cli_estimate
        from aiconfigurator.sdk.perf_database import get_latest_database_version

        logging.disable(logging.CRITICAL)
        start_up = time.process_time()
        current = functools.cache(get_latest_database_version)
        for one in questions:
            one["backend_version"] = current(one["system_name"], one["backend_name"])
        looked_up = time.process_time()
        answers = [answer(cli_estimate, one) for one in questions]
        first = time.process_time()
        for question, told in zip(questions, answers, strict=True):
            if not told["why"]:
                cli_estimate(**question)
        again = time.process_time()
    told = {
        "answers": answers,
        "start_up_s": start_up,
        "look_up_s": looked_up - start_up,
        "first_s": first - looked_up,
        "again_s": again - first,
    }
    json.dump(told, sys.stdout)


def answer(cli_estimate: Any, question: Question) -> dict[str, Any]:
    """Both times [ms] and the version of the tables that gave them, or why there are none."""
    try:
        found = cli_estimate(**question)
    except Exception as cause:  # noqa: BLE001 (whatever it refuses with is its answer)
        return {"why": " ".join(f"{type(cause).__name__}: {cause}".split()), "tables": ""}
    return {
        "ttft_ms": float(found.ttft),
        "tpot_ms": float(found.tpot),
        "queues": bool(found.kv_cache_warning),
        "tables": found.backend_version,
        "why": "",
    }


if __name__ == "__main__":
    main()
