"""What one program does on this machine: its output, a digest of every operator and its results, and how it ends.

    python benchmarks/porting_trace.py TRACE.json PROGRAM.py [ARGUMENT ...]
    python benchmarks/porting_trace.py TRACE.json --import MODULE_FILE.py

The program runs in the current folder, which is searched for modules. `--import` loads a file as a module would be.
Missing packages end a program as they end it anywhere: what counts is that two versions of it end alike.
"""

import contextlib
import hashlib
import importlib
import io
import json
import runpy
import sys
import warnings
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Trace(TorchDispatchMode):
    """Counts operators, and digests their names and the bytes of their results."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = 0
        self.digest = hashlib.sha256()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.operators += 1
        self.digest.update(str(func).encode())
        for one in out if isinstance(out, tuple | list) else (out,):
            plain = type(one) in (torch.Tensor, torch.nn.Parameter) and one.device.type == "cpu" and one.numel()
            if plain and "empty" not in str(func):  # memory as it was found
                self._take(one.detach())
        return out

    def _take(self, tensor: torch.Tensor) -> None:
        with torch.utils._python_dispatch._disable_current_modes():
            self.digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            with contextlib.suppress(TypeError, RuntimeError):
                plain = tensor.contiguous().view(torch.uint8) if tensor.dim() else tensor.reshape(1).view(torch.uint8)
                self.digest.update(plain.numpy().tobytes())


def main() -> None:
    out, first, *rest = sys.argv[1:]
    sys.path.insert(0, str(Path.cwd()))
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    printed, trace, ended = io.StringIO(), Trace(), "ran to its end"
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), trace:
        try:
            if first == "--import":
                importlib.import_module(Path(rest[0]).with_suffix("").as_posix().replace("/", "."))
            else:
                sys.argv = [first, *rest]
                runpy.run_path(first, run_name="__main__")
        except SystemExit as code:
            ended = f"exit {code.code}"
        except BaseException as error:  # noqa: BLE001 - how it ends is what is recorded
            ended = f"{type(error).__name__}: {str(error).replace(str(Path.cwd()), '.')}"
    lines = printed.getvalue().replace(str(Path.cwd()), ".").splitlines()
    found = {"ended": ended, "operators": trace.operators, "digest": trace.digest.hexdigest(), "lines": lines}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
