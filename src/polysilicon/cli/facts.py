"""`polysilicon facts list|show|check|build`."""

from polysilicon.cli.options import Facts, Json, answer, catalogue
from polysilicon.records.table import Table


def list_(kind: str | None = None, text: str = "", /, *, facts: Facts = None, json: Json = False) -> None:
    """The records of a kind, or every kind with its number of records.

    Parameters
    ----------
    kind
        Such as chip, system, region, price or model; every kind where it is not given.
    text
        Only records that mention this in an id, a name or a value.
    """
    from polysilicon.facts.browse import list_kinds, list_records

    known = catalogue(facts)
    _print(list_records(known, kind, text) if kind else list_kinds(known), as_json=json)


def show(name: str, /, *, kind: str | None = None, facts: Facts = None, json: Json = False) -> None:
    """One record, value by value.

    Parameters
    ----------
    name
        An id, an alias, or a short name that fits one record.
    kind
        The kind of record, where the name fits several.
    """
    from polysilicon.facts import browse

    _print(browse.show(catalogue(facts), name, kind), as_json=json)


def check(*, facts: Facts = None, json: Json = False) -> int:
    """Every fault of the catalogue, and what looks odd and may yet be right."""
    from polysilicon.cli.app import ANSWERED, FAULTS
    from polysilicon.facts.check import problems, warnings
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console, text

    known = catalogue(facts)
    faults, odd = problems(known), warnings(known)
    if json:
        print(to_json({"catalogue": known.hash, "problems": faults, "warnings": odd}), end="")
    else:
        screen = console()
        for line in (*(f"warning: {one}" for one in odd), *faults):
            screen.print(text(line), soft_wrap=True)
        screen.print(text(f"{len(faults)} faults, {len(odd)} warnings; catalogue {known.hash}"))
    return FAULTS if faults else ANSWERED


def build(*, json: Json = False) -> None:
    """Compile the reviewed files below src/polysilicon/facts/data."""
    from polysilicon.facts.compiler import build as compile_facts
    from polysilicon.report.files import to_json
    from polysilicon.report.terminal import console, text

    content = compile_facts()
    if json:
        print(to_json({"catalogue": content}), end="")
    else:
        console().print(text(f"catalogue {content}"))


def _print(table: Table, *, as_json: bool) -> None:
    from polysilicon.report.terminal import table as shown

    answer(table.to_dict, lambda: shown(table), as_json=as_json)
