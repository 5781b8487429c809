"""L1 of eager PyTorch: every operator of the module as a device runs it, by itself, from the values all agree on.

The operators are ATen's, since those are what a device's plug-in registers. The reference is the same operator in 64
bits on the CPU, from the values as the device gets them, already rounded; the floor is how far the CPU's own operator
in the device's format lies from it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from polysilicon.porting.verifying import metrics, probes
from polysilicon.porting.verifying.bisection import Blame
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.export import arrays
from polysilicon.porting.verifying.levels import Result
from polysilicon.porting.verifying.metrics import ABSENT, FAILS, LOOKS
from polysilicon.porting.verifying.run_eager import FORMATS
from polysilicon.porting.verifying.runtimes import Runtime
from polysilicon.porting.verifying.trial import Compared, told

CPU = "cpu"
Call = tuple[Any, tuple[Any, ...], dict[str, Any]]
PROBES: Mapping[str, Callable[[str, Any], Any]] = {
    probes.AS_RUN: lambda _, value: value,
    probes.SMALL_INPUTS: lambda _, value: value * probes.SMALL,
    probes.EDGE_VALUES: lambda name, value: torch.from_numpy(probes.strewn(name, value.float().numpy())).to(
        value.dtype
    ),
}


class _Kept(torch.fx.Interpreter):
    """A run that keeps what every operator was given and gave."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self.calls: list[Call] = []

    def run_node(self, n: Any) -> Any:
        """One node; of an operator, also its arguments."""
        if n.op == "call_function" and isinstance(n.target, torch._ops.OpOverload):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            held = torch.utils._pytree.tree_map(_copied, (args, dict(kwargs)))
            self.calls.append((n, *held))
        return super().run_node(n)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def operators(runtime: Runtime, cases: Sequence[Case]) -> tuple[Result, list[Blame]]:
    """Every operator of every case on the runtime's device, and the first one of each case that is wrong."""
    compared: list[Compared] = []
    notes: list[str] = []
    blames: list[Blame] = []
    for case in cases:
        calls = _calls(case)
        found, told = _probed(runtime, calls)
        compared += found
        notes += told
        blames += _first(runtime, case, calls, found)
    verdicts = [*(one.verdict for one in compared), *([ABSENT] if notes else [])]
    return Result("L1", runtime.name, metrics.worst(verdicts), tuple(compared), tuple(dict.fromkeys(notes))), blames


def _calls(case: Case) -> list[Call]:
    """One call of each kind of operator, with what it was given."""
    program, given = case.program()
    kept = _Kept(program)
    with torch.no_grad():
        kept.run(*given)
    kinds: dict[str, Call] = {}
    for node, args, kwargs in kept.calls:
        shapes = torch.utils._pytree.tree_map(_shape, (args, kwargs))
        kinds.setdefault(f"{node.target} {shapes}", (node, args, kwargs))
    return list(kinds.values())


def _shape(value: Any) -> Any:
    return (tuple(value.shape), str(value.dtype)) if isinstance(value, torch.Tensor) else value


def _probed(runtime: Runtime, calls: Sequence[Call]) -> tuple[list[Compared], list[str]]:
    compared: list[Compared] = []
    notes: list[str] = []
    for name, change in PROBES.items():
        for node, args, kwargs in calls:
            fed = torch.utils._pytree.tree_map(
                lambda one, to=change, at=node.name: _changed(one, to, at), (args, kwargs)
            )
            try:
                compared += _compared(runtime, node, fed, name)
            except Exception as cause:  # noqa: BLE001 - whatever a device raises is its answer
                notes.append(f"{node.target} on {name}: {told(cause)}")
    return compared, notes


def _changed(value: Any, change: Callable[[str, Any], Any], name: str) -> Any:
    return change(name, value) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _compared(runtime: Runtime, node: Any, fed: tuple[Any, Any], probe: str) -> list[Compared]:
    dtype = FORMATS[runtime.dtype]
    rounded = torch.utils._pytree.tree_map(lambda one: _to(one, CPU, dtype), fed)
    with torch.no_grad():
        exact = arrays(_called(node.target, rounded, CPU, torch.float64))
        usual = arrays(_called(node.target, rounded, CPU, dtype))
        mine = usual if runtime.device == CPU else arrays(_called(node.target, rounded, runtime.device, dtype))
    found = []
    for at, right in enumerate(exact):
        far, floor = (metrics.distance(one[at], right, runtime.dtype) for one in (mine, usual))
        least = metrics.floor([floor.relative], runtime.dtype, right.size)
        ratio = far.relative / least if np.isfinite(far.relative) or np.isfinite(floor.relative) else 0.0
        verdict = metrics.verdict(ratio)
        verdict = LOOKS if verdict == FAILS and probe in probes.AT_THE_EDGE else verdict
        found.append(Compared(runtime.name, node.name, probe, far, least, ratio, verdict, str(node.target)))
    return found


def _called(target: Any, given: tuple[Any, Any], device: str, dtype: Any) -> Any:
    args, kwargs = torch.utils._pytree.tree_map(lambda one: _to(one, device, dtype), given)
    for word, value in (("device", torch.device(device)), ("dtype", dtype)):
        if kwargs.get(word) is not None and (word == "device" or kwargs[word].is_floating_point):
            kwargs = {**kwargs, word: value}
    return target(*args, **kwargs)


def _to(value: Any, device: str, dtype: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)


def _first(runtime: Runtime, case: Case, calls: Sequence[Call], compared: Sequence[Compared]) -> list[Blame]:
    bad = {one.value: one for one in reversed(compared) if one.verdict == FAILS}
    for node, _, _ in calls:
        if node.name in bad:
            one = bad[node.name]
            scope = ".".join(str(path) for path, _ in list((node.meta.get("nn_module_stack") or {}).values())[-1:])
            operator = str(node.target)
            return [
                Blame(
                    runtime.name, case.name, (node.name,), (operator,), operator, scope.removeprefix("L['self']."),
                    one.probe, one.ratio, one.distance.relative,
                )
            ]  # fmt: skip
    return []
