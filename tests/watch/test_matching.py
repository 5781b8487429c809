"""Which software and parts a product in a notice means."""

import pytest
from tests.watch.conftest import FLEET

from polysilicon.watch.matching import in_text, names, targets, words
from polysilicon.watch.notice import Affected, Notice


@pytest.fixture
def of(fleet):
    """A target of the test's fleet, by its id."""
    found = {}
    holdings = fleet(FLEET + "  server: {site: sf, chip: google-tpu-v4, units: 1, on: 2027-01-01}\n")
    for holding in holdings.every:
        for one in targets(holding, holdings.catalogue):
            found[one.id] = one
    return found


@pytest.mark.parametrize(
    ("target", "vendor", "product", "found"),
    [
        ("nvidia-container-toolkit", "NVIDIA", "Container Toolkit", True),
        ("nvidia-container-toolkit", "nvidia", "nvidia container toolkit", True),
        ("nvidia-container-toolkit", "ACME", "Container Toolkit", False),
        ("nvidia-container-toolkit", "NVIDIA", "Container Toolkits", False),
        ("nvidia-gpu-driver", "NVIDIA", "Tesla", True),
        ("ami-megarac", "AMI", "MegaRAC_SPx12", True),
        ("ami-megarac", "", "MegaRAC SPx", True),
        ("amd-mi300x", "AMD", "AMD Instinct™  MI300X", True),
        ("amd-mi300x", "amd", "instinct mi300x firmware", True),
        ("amd-mi300x", "AMD", "AMD Instinct™ MI300A", False),
        ("dgx-h100", "NVIDIA", "DGX H100", True),
        ("dgx-h100", "NVIDIA", "DGX A100", False),
        ("runc", "opencontainers", "runc", True),
        ("google-tpu-v4", "Google", "TPU v4", True),
        ("google-tpu-v4", "Google", "Something v4", False),
        ("intel-gaudi-software", "Intel Corporation", "Intel® Gaudi® Software Installer Advisory", True),
    ],
)
def test_a_product_is_known_by_name_and_vendor(of, target, vendor, product, found):
    assert names(of[target], Affected(vendor=vendor, product=product)) is found


def test_a_package_is_known_by_its_registry(of):
    assert names(of["pytorch"], Affected(product="torch", package="pypi/torch"))
    assert not names(of["pytorch"], Affected(product="torch", package="npm/torch"))


def test_what_is_said_of_another_operating_system_alone_is_no_concern(fleet):
    holdings = fleet(FLEET.replace("    units: 16\n", "    units: 16\n    platform: linux\n", 1))
    trainer = next(one for one in holdings.every if one.id == "trainer")
    driver = next(one for one in targets(trainer, holdings.catalogue) if one.id == "nvidia-gpu-driver")
    said = {"vendor": "NVIDIA", "product": "Tesla"}
    assert not names(driver, Affected(**said, platforms=("Windows",)))
    assert names(driver, Affected(**said, platforms=("Windows", "Linux")))
    assert names(driver, Affected(**said, platforms=("x86_64",)))
    assert names(driver, Affected(**said))


def test_a_text_speaks_of_software_only_beside_its_vendor(of):
    def text(summary):
        return Notice(kind="vulnerability", feed="cve", id="CVE-1", summary=summary)

    assert in_text(of["aspeed-bmc"], text("The ASPEED ast2400 and ast2500 controllers"))
    assert not in_text(of["aspeed-bmc"], text("The ast2400 of somebody"))


def test_words_are_whole():
    assert words("Intel® Data-Center_GPU (R) Max™") == "intel data center gpu max"
