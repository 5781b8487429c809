"""`polysilicon trust`."""

from typing import Annotated

from cyclopts import Parameter

from polysilicon.cli.options import Facts, Json, answer, catalogue


def trust(
    *chips: str,
    require: Annotated[tuple[str, ...], Parameter(name="--require")] = (),
    facts: Facts = None,
    json: Json = False,
) -> int:
    """What is on record of a chip's hardware trust, and whether it meets a profile.

    Parameters
    ----------
    chips
        One chip or several.
    require
        What is demanded: secure_boot, attestation, confidential_computing, interconnect_protection, isolation,
        memory_encryption, or a certificate: fips_140_3, common_criteria, mlps, commercial_cryptography. May be given
        often; everything where it is not given. Exit code 1 where a demand is not met for certain.
    """
    from polysilicon.cli.app import ANSWERED, FAULTS
    from polysilicon.cli.cases import required
    from polysilicon.policy.trust import DEMANDS
    from polysilicon.policy.trust import trust as asked
    from polysilicon.report.trust import render

    required({"CHIP": chips or None})
    known = catalogue(facts)
    found = [one for chip in chips for one in asked(known, chip, require or DEMANDS)]
    answer(lambda: {"findings": [vars(one) for one in found]}, lambda: render(found), as_json=json)
    return FAULTS if require and any(one.met != "yes" for one in found) else ANSWERED
