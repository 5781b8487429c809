"""From a PyTorch module to graphs: its forward pass, and one training step, each as ONNX."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from polysilicon.porting.verifying import training
from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.graph import Array, Graph
from polysilicon.porting.verifying.subject import Subject, first_line
from polysilicon.records.errors import Unsupported

OPSET = 18
FORWARD, STEP = "forward", "training step"


def forward(subject: Subject) -> Case:
    """The forward pass, weights inside the graph.

    Raises:
        Unsupported: PyTorch can't export it.
    """
    names = [f"input.{at}" for at in range(len(subject.inputs))]
    model = _exported(subject.module, subject.inputs, names, None)

    def eager(device: str, dtype: Any) -> Callable[..., Any]:
        module = moved(deepcopy(subject.module), device, dtype)

        def run(*given: Any) -> Any:
            with torch.no_grad():
                return module(*given)

        return run

    def program() -> tuple[Any, tuple[Any, ...]]:
        with quiet():
            traced = torch.export.export(subject.module, subject.inputs).module()
        return traced, subject.inputs

    return Case(FORWARD, Graph(model), _fed(names, subject.inputs), eager, program)


def step(subject: Subject) -> Case:
    """One training step: weights go in, the loss, the gradients and the updated weights come out.

    Raises:
        Unsupported: there is no loss, or PyTorch can't record or export the step.
    """
    if subject.loss is None:
        raise Unsupported("no loss is given, so there is no training step to compare")
    parameters = dict(subject.module.named_parameters())
    wanted = [] if subject.wanted is None else [subject.wanted]
    given = tuple(one.detach() for one in (*parameters.values(), *subject.inputs, *wanted))
    names = [*parameters, *(f"input.{at}" for at in range(len(subject.inputs))), *(["wanted"] * len(wanted))]
    outputs = ["loss", *(f"gradient of {one}" for one in parameters), *(f"update of {one}" for one in parameters)]
    function = _step(subject.module, subject)
    try:
        with quiet():
            traced = training.traced(function, given)
    except Unsupported:
        raise
    except Exception as cause:
        raise Unsupported(f"PyTorch can't record the training step: {first_line(cause)}") from cause
    model = _exported(traced, given, names, outputs)

    def eager(device: str, dtype: Any) -> Callable[..., Any]:
        return _step(moved(deepcopy(subject.module), device, dtype), subject)

    def program() -> tuple[Any, tuple[Any, ...]]:
        with quiet():
            return training.traced(function, given, whole=True), given

    changed = {f"update of {one}": one for one in parameters}
    return Case(STEP, Graph(model), _fed(names, given), eager, program, changed)


def _step(module: Any, subject: Subject) -> Callable[..., tuple[Any, ...]]:
    assert subject.loss is not None  # noqa: S101 - looked at by the caller
    loss = subject.loss if subject.wanted is not None else lambda output, _: subject.loss(output)  # type: ignore[misc]
    run = training.step_of(module, loss, len(subject.inputs))
    return run if subject.wanted is not None else lambda *given: run(*given, None)


def moved(module: Any, device: str, dtype: Any) -> Any:
    """The module on a device in a format; indices and masks keep theirs."""
    return module.to(device=device, dtype=dtype)


def tensor(value: Array, device: str, dtype: Any) -> Any:
    """A fed value on a device, numbers in a format."""
    made = torch.from_numpy(np.array(value, order="C"))
    return made.to(device=device, dtype=dtype if made.is_floating_point() else made.dtype)


def arrays(answer: Any) -> list[Array]:
    """The tensors of an answer as arrays; those of 16 bits become wider, without loss."""
    flat = torch.utils._pytree.tree_leaves(answer)
    kept = [one.detach().cpu() for one in flat if isinstance(one, torch.Tensor)]
    return [(one.float() if one.dtype in (torch.bfloat16, torch.float16) else one).numpy() for one in kept]


def _exported(module: Any, given: tuple[Any, ...], names: list[str], outputs: list[str] | None) -> Any:
    try:
        with quiet():
            made = torch.onnx.export(
                module, given, dynamo=True, opset_version=OPSET, verbose=False, input_names=names, output_names=outputs
            )
    except Exception as cause:
        raise Unsupported(f"PyTorch can't export this module to ONNX: {_reason(cause)}") from cause
    assert made is not None  # noqa: S101 - so where no file is named
    return made.model_proto


def _fed(names: list[str], given: tuple[Any, ...]) -> dict[str, Array]:
    return {name: one.detach().cpu().numpy() for name, one in zip(names, given, strict=True)}


def _reason(cause: BaseException) -> str:
    """The innermost reason of a chain of errors: the outer ones say only that there is one."""
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return first_line(cause)


@contextmanager
def quiet() -> Iterator[None]:
    """What exporters say of themselves, in logs, warnings and prints, is not about the user's model."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
