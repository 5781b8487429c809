"""The options of a whole training run: how many tokens, and how the run is looked after."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from polysilicon.cli.options import RUN, Whole, asked_by, needs, within

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.run import Run, Upkeep
    from polysilicon.performance.training import TrainingEstimate
    from polysilicon.workloads import Training, Workload

SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
AMOUNT = re.compile(r"(\d+(?:\.\d*)?(?:e\d{1,2})?|\.\d+)([a-z]?)", re.IGNORECASE)
# More than anybody has trained on, by far.
MOST_TOKENS = 1e18
YEAR_MIN = 525_960


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class Keep:
    """How a whole run is looked after.

    Attributes
    ----------
    tokens
        Tokens of a whole run, such as 15.6T, 300B or 1e12: also says how many days, chip-hours and MWh it takes.
    checkpoint_min
        Minutes between checkpoints; the best (Young and Daly's) where it is not given.
    storage_gbs
        GB/s at which shared storage takes checkpoints.
    blocking_checkpoints
        Training waits until a checkpoint is written.
    restart_min
        Minutes from an interruption to the next step.
    spare_nodes
        Nodes that stand by; as many as are needed where it is not given.
    chip_days
        Days that one chip works between interruptions that it causes; observed ones where it is not given.
    """

    tokens: str | None = None
    checkpoint_min: float | None = None
    storage_gbs: float | None = None
    blocking_checkpoints: Annotated[bool, Parameter(show_default=False)] = False
    restart_min: float | None = None
    spare_nodes: Whole | None = None
    chip_days: float | None = None

    def budget(self, *, table: bool = False) -> float | None:
        """Tokens of the run; `None` where no run is asked for. The rows of a table may ask for runs of their own.

        Raises:
            InputError: no such amount, or the run is looked after but not asked for.
        """
        if self.tokens is not None:
            return amount("--tokens", self.tokens)
        if not table:
            self.refuse_idle("--tokens")
        return None

    def refuse_idle(self, needed: str) -> None:
        """Refuse to look after a run that nobody asks for.

        Raises:
            InputError: something is said of a run; names what it needs.
        """
        needs(*((getattr(self, name) is not None, _option(name), needed) for name in UPKEEP))
        needs((self.blocking_checkpoints, "--blocking-checkpoints", needed))

    def upkeep(self) -> "Upkeep":
        """How the run is looked after.

        Raises:
            InputError: an amount is absurd.
        """
        from polysilicon.performance.run import Upkeep

        within(0.001, YEAR_MIN, checkpoint_min=self.checkpoint_min)
        within(0, YEAR_MIN, restart_min=self.restart_min)
        within(1e-6, 1_000_000_000, storage_gbs=self.storage_gbs)
        within(0, 100_000, spare_nodes=self.spare_nodes)
        within(1e-6, 1_000_000_000, chip_days=self.chip_days)
        return Upkeep(blocking=self.blocking_checkpoints, **{name: getattr(self, name) for name in UPKEEP})


UPKEEP = ("checkpoint_min", "storage_gbs", "restart_min", "spare_nodes", "chip_days")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def amount(field: str, text: str) -> float:
    """An amount as people write it: plain, with an exponent, or with K, M, B or T behind.

    Raises:
        InputError: it is none, or absurd.
    """
    from polysilicon.records.errors import InputError, Place

    written = AMOUNT.fullmatch(text.strip().replace(",", "").replace("_", "").replace(" ", ""))
    allowed = "a number, with K, M, B or T behind: 300B, 15.6T, 1e12"
    if written is None or written[2].upper() not in SUFFIXES:
        raise InputError("is no amount", place=Place(field=field), found=text, allowed=allowed)
    value = float(written[1]) * SUFFIXES[written[2].upper()]
    if not 1.0 <= value <= MOST_TOKENS:
        raise InputError("is no sane quantity", place=Place(field=field), found=text, allowed=f"1 to {MOST_TOKENS:g}")
    return value


def whole_run(
    known: "Catalogue", workload: "Workload", task: "Training", made: "TrainingEstimate", keep: Keep
) -> "Run":
    """The run of an estimate's layouts.

    Raises:
        Unsupported: the model is not a transformer.
        InputError: a checkpoint takes longer to write than the time between two.
        NothingFits: interruptions come faster than the job restarts.
    """
    from polysilicon.performance.run import run_training
    from polysilicon.records.errors import Unsupported
    from polysilicon.workloads.model import Transformer

    if not isinstance(workload, Transformer):
        raise Unsupported(f"{workload.name}: whole runs are modelled for transformers only so far")
    with asked_by({"checkpoint_min": "--checkpoint-min"}):
        return run_training(known, workload, task, made, made.recipe, keep.upkeep())
