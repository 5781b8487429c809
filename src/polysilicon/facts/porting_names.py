"""Names of PyTorch that tie code to CUDA, and what may stand in their place for every accelerator."""

from typing import Literal

from polysilicon.facts.record import Record

Grade = Literal["S", "R", "M"]


class PortingName(Record, frozen=True, kw_only=True):
    """One name by its dotted `path`. `notes` says how its `twin` behaves on CUDA and where there is no accelerator.

    `grade` is the best a rewrite may have: S same for users of CUDA and of CPUs, R for review, M by hand. `form`
    says how a call of it is rewritten, `keyword` the argument that becomes positional or names a device. `holds` says
    where the twin behaves the same: always, only where CUDA was asked for (`guarded`), or where nothing else in the
    file asks for CUDA (`closed`). `since` is the first release that was read to have the twin, `same_since` the first
    that was read to behave so. `traced` says that torch.compile takes the twin wherever it takes the name. A vendor's
    module is a `plugin` if it is imported by hand, `autoload` if not.
    """

    path: str
    rule: str
    grade: Grade
    twin: str = ""
    form: Literal[
        "call", "autocast", "scaler", "decorator", "backend", "device", "keyword", "plugin", "autoload", "none"
    ] = "none"
    holds: Literal["always", "guarded", "closed"] = "always"
    since: str = ""
    same_since: str = ""
    keyword: str = ""
    traced: bool = False
