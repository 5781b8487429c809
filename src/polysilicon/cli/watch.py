"""`polysilicon watch`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from polysilicon.cli.options import FILES, Facts, Json, Whole, answer, catalogue

if TYPE_CHECKING:
    from polysilicon.watch import Alert, Holdings, State

NOTHING, SOMETHING = 0, 1
KEPT_IN_FEED = 500  # entries of the Atom feed: more than a reader misses between two looks
MOST_MIB = 1024
OUTLETS = ("screen", "webhook")


def watch(
    holdings: Path,
    /,
    *,
    feeds: Annotated[tuple[str, ...], Parameter(name="--feeds", consume_multiple=True, group=FILES)] = (),
    state: Annotated[Path, Parameter(name="--state", group=FILES)] = Path("watch.sqlite"),
    since: str | None = None,
    atom: Annotated[Path | None, Parameter(name="--atom", group=FILES)] = None,
    webhook: Annotated[str | None, Parameter(name="--webhook", group=FILES)] = None,
    partial_lists: bool = False,
    most_mib: Whole = 64,
    facts: Facts = None,
    json: Json = False,
) -> int:
    """Look what is new in the feeds, and what of yours it touches.

    Parameters
    ----------
    holdings
        What you have and plan: a fleet (YAML), a scenario, or a plan.json.
    feeds
        Files, folders or addresses of published feeds; `catalogue` stands for the advisories of the catalogue.
    state
        What was seen and said so far: one SQLite file, made where there is none.
    since
        Only alert to what was published or changed on this day, YYYY-MM-DD, or later.
    atom
        Also write the latest alerts as an Atom feed.
    webhook
        Also post each alert as JSON to this address.
    partial_lists
        Take a screening list that looks cut short.
    most_mib
        The largest document that is read, unpacked, in MiB.
    """
    from polysilicon.cli.options import within
    from polysilicon.records.dates import day
    from polysilicon.records.errors import InputError, Place
    from polysilicon.report.lookout import render
    from polysilicon.report.terminal import console, text
    from polysilicon.watch import Limits, State, is_address, read
    from polysilicon.watch import watch as look

    within(1, MOST_MIB, most_mib=most_mib)
    if since is not None:
        try:
            day(since)
        except InputError as complaint:
            raise complaint.at(Place(field="--since")) from complaint
    if webhook is not None and not is_address(webhook):
        raise InputError("is no address", place=Place(field="--webhook"), found=webhook, allowed="https://...")
    _writable(atom, feeds)
    known = read(holdings, catalogue(facts))
    limits = Limits(most_bytes=most_mib * 2**20, partial_lists=partial_lists)
    progress = console(err=True)
    with State(state) as kept:
        with progress.status(text(f"watching over {known.name}")) as status:
            seen = look(known, feeds, kept, limits=limits, since=since, progress=lambda one: status.update(text(one)))
        faults = _deliver(kept, known, atom, webhook)
        seen = seen.with_faults(faults)
        answer(seen.to_dict, lambda: render(seen), as_json=json)
        _flush()
        kept.deliver(OUTLETS[0], seen.alerts)
    return SOMETHING if seen.needs_attention else NOTHING


def _writable(atom: Path | None, feeds: tuple[str, ...]) -> None:
    """Better known before the feeds are read than after.

    Raises:
        InputError: a folder stands where the Atom feed is to be written, or the next run would read it as a feed.
    """
    from polysilicon.records.errors import InputError, Place

    if atom is None:
        return
    if atom.is_dir():
        raise InputError("is a folder", place=Place(field="--atom"), found=str(atom))
    if any(Path(feed).resolve() in (atom.resolve(), *atom.resolve().parents) for feed in feeds if Path(feed).exists()):
        raise InputError(
            "lies among the feeds", place=Place(field="--atom"), found=str(atom), remedy="put it elsewhere"
        )


def _flush() -> None:
    """Alerts count as shown once standard output has them, and not while they wait in a buffer."""
    import sys

    sys.stdout.flush()


def _deliver(kept: "State", known: "Holdings", atom: Path | None, webhook: str | None) -> list[str]:
    """Bring the alerts to the outlets beside the screen; what could not be delivered is tried again next time."""
    from polysilicon.records import files
    from polysilicon.report.lookout import atom as as_atom

    if atom is not None:
        # The feed shows the state as it is: it is written whole and renamed, so it is never half, late or doubled.
        files.write(atom, as_atom(known.name, kept.alerts(KEPT_IN_FEED)))
    return [] if webhook is None else list(_posted(kept, webhook))


def _posted(kept: "State", webhook: str) -> list[str]:
    """Post what the address has not had, each alert by itself; what went wrong, in words."""
    from polysilicon.watch import Line, Unreachable

    outlet = f"{OUTLETS[1]} {webhook}"
    waiting = kept.undelivered(outlet)
    if not waiting:
        return []
    with Line() as line:
        for at, one in enumerate(waiting):
            try:
                line.post(webhook, _body(one), one.id)
            except Unreachable as cause:
                return [f"{cause}; {len(waiting) - at} alerts wait for the next run"]
            kept.deliver(outlet, [one])
    return []


def _body(alert: "Alert") -> bytes:
    from polysilicon.report.files import to_json

    return to_json(alert.to_dict()).encode()
