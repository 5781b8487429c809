"""Install what `port verify`, `measure` and the example kernels run on, and never a vendor's libraries by surprise.

    .venv/bin/python scripts/install_runtimes.py

A plain `pip install torch` on Linux fetches a build with gigabytes of CUDA libraries. So each way to a CPU build is
first resolved without installing anything, and taken only if no such library would come with it. Where none is in
reach, nothing is installed, that is said, and the tests that need PyTorch are skipped.
"""

import json
import subprocess
import sys

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# The first is a CPU build on macOS and Windows, and wherever pip is pointed at a folder of wheels that holds one.
WAYS = (["torch==2.13.0"], ["torch>=2.8,<3", "--index-url", CPU_INDEX])
UNWANTED = ("nvidia-", "cuda-", "cupy", "tensorrt")
EXTRAS = [".[verify,kernels]"]


def would_install(what: list[str]) -> list[str] | None:
    """The packages that pip would install, or None where it finds no way."""
    asked = subprocess.run(
        [*PIP, "install", "--dry-run", "--report", "-", *what], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return None
    return [one["metadata"]["name"].lower() for one in json.loads(asked.stdout)["install"]]


def clean(what: list[str]) -> bool:
    """Whether pip finds it and it brings no vendor's libraries."""
    names = would_install(what)
    return names is not None and not any(name.startswith(UNWANTED) for name in names)


def main() -> int:
    """Install, or say why not; neither is an error."""
    way = next((one for one in WAYS if clean(one)), None)
    if way is None:
        print("no CPU build of PyTorch in reach: tests of `measure` and `port verify` will be skipped", file=sys.stderr)
        return 0
    subprocess.run([*PIP, "install", *way], check=True)
    if not clean(EXTRAS):
        print("the runtimes are not all in reach: tests of `port verify` will be skipped", file=sys.stderr)
        return 0
    return subprocess.run([*PIP, "install", "-e", *EXTRAS], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
