"""Which layouts a model can be served in at all, whatever the chips."""

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.serving_candidates import Layout
from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.model import Transformer


def check_layout(model: Transformer, layout: Layout) -> None:
    """The experts of `model` can be spread over the chips of `layout` as it says.

    Experts lie on the chips of one stage, those of attention and its copies; a chip holds one expert at least.

    Raises:
        InputError: experts over more chips than there are or than there are experts, or a model without experts whose
            attention is copied or whose experts are spread.
    """
    if not model.experts:
        _check_dense(model, layout)
        return
    group = layout.tp * layout.attn_dp
    most = min(group, model.experts)
    if layout.ep > most:
        raise InputError(
            "spreads the experts over more chips than can hold them",
            place=Place(field="ep"),
            found=layout.ep,
            allowed=f"1 to {most}: tp x attention dp are {group} chips, {model.name} has {model.experts} experts",
        )


def _check_dense(model: Transformer, layout: Layout) -> None:
    if layout.ep > 1:
        place = Place(field="ep")
        raise InputError(f"{model.name} has no experts to spread", place=place, found=layout.ep, allowed="1")
    if layout.attn_dp > 1:
        # Copies of attention that share nothing are replicas, which cost a copy of every weight.
        raise InputError(
            f"{model.name} has no experts that copies of its attention could share",
            place=Place(field="attn_dp"),
            found=layout.attn_dp,
            allowed="1",
            remedy="run more replicas",
        )


def published_acceptance(catalogue: Catalogue, draft_tokens: int) -> float:
    """The chance that each of so many drafted tokens is accepted, as measured of published prediction modules.

    The further ahead a module drafts, the less often it is right; one chance for all tokens gives as many a pass.
    """
    if draft_tokens < 1:
        return 0.0
    name = "mtp-acceptance" if draft_tokens == 1 else f"mtp-acceptance-{min(draft_tokens, 3)}"
    return float(catalogue.get(Assumption, name).value)
