"""Porting: what ties code to one vendor, how much work that is, and where it will run wrongly.

A tree passes through five stages. `inventory` lists its files and counts what it passes over. A reader for each kind of
file (`python_code`, `lines`, `notebooks`) notes *sightings*: places that match a rule, whatever the target. `taint`
finds the helpers that hand a tie on to their callers; where the tree holds kernels of its own, `calls` notes who uses
whom and `native` finds the tests that run a kernel. `judging` asks, for each target, what a sighting means there,
with the dated tables of `support`; the answer is a *finding*. `effort` adds findings up to days of work. Rules, targets
and tables are facts; this room holds readers and sums. `pool` spreads files over processes, `cache` keeps what has not
changed, `ratchet` compares with what was known before. Two houses stand in the room: `rewriting` turns code that names
CUDA into code that asks PyTorch which accelerator there is, as a diff, and only where users of CUDA and of CPUs see no
change; `verifying` runs one exported graph on every runtime of the machine and holds each answer against the measured
noise floor; PyTorch and compilers are needed there alone, and only once it is asked to verify. Imports point down:
facts alone.
"""

from polysilicon.porting.judging import Finding
from polysilicon.porting.scanning import Options, Scan, scan

__all__ = ["Finding", "Options", "Scan", "scan"]
