"""A small fleet, its catalogue, and the published records that ship with the tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polysilicon.facts import Catalogue, load
from polysilicon.watch import Holdings, Limits, Lookout, State, read, watch
from polysilicon.watch.feeds.reading import Reading
from polysilicon.watch.feeds.reading import read as read_feed
from polysilicon.watch.notice import Notice

PUBLISHED = Path(__file__).parent / "published"

FLEET = """
name: Test
entities:
  us: {name: NovaMind Inc., headquarters: US}
  cn: {name: NovaMind Shenzhen Ltd., headquarters: CN}
sites:
  sf: {entity: us, country: US}
  sz: {entity: cn, country: CN}
assets:
  trainer:
    site: sf
    system: dgx-h100
    units: 16
    software: {nvidia-container-toolkit: 1.16.1, runc: 1.3.2, sglang: 0.5.9, pypi/torch: 1.12.0}
  amd: {site: sf, chip: amd-mi300x, units: 8, software: {ami-megarac: "12.5", aspeed-bmc: null}}
  gaudi: {site: sf, chip: intel-gaudi3, units: 8, software: {intel-gaudi-software: 1.17.0}}
purchases:
  spring: {site: sz, chip: nvidia-h20-96gb, units: 100, on: 2027-02-01, supplier: Moore Threads}
"""


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture
def fleet(tmp_path: Path, catalogue: Catalogue) -> Callable[[str], Holdings]:
    """Holdings from the text of a fleet."""

    def opened(text: str = FLEET) -> Holdings:
        path = tmp_path / "fleet.yaml"
        path.write_text(text)
        return read(path, catalogue)

    return opened


@pytest.fixture
def published(catalogue: Catalogue) -> Callable[[str], Reading]:
    """What a published record is read as."""

    def opened(name: str) -> Reading:
        return read_feed((PUBLISHED / name).read_bytes(), name, catalogue, Limits())

    return opened


@pytest.fixture
def notice(published: Callable[[str], Reading]) -> Callable[[str], Notice]:
    """The first notice of a published record that is read without a fault."""

    def opened(name: str) -> Notice:
        found = published(name)
        assert found.faults == ()
        return found.notices[0]

    return opened


@pytest.fixture
def look(tmp_path: Path, fleet: Callable[..., Holdings]) -> Callable[..., Lookout]:
    """One run over a folder of feeds, and what it tells; the alerts count as seen."""

    def looked(*feeds: str | Path, text: str = FLEET, **options: object) -> Lookout:
        with State(tmp_path / "state.sqlite") as state:
            seen = watch(fleet(text), [str(one) for one in feeds], state, **options)  # type: ignore[arg-type]
            state.deliver("screen", seen.alerts)
        return seen

    return looked


@pytest.fixture
def feeds(tmp_path: Path) -> Callable[..., Path]:
    """A folder with some of the published records."""

    def gathered(*names: str) -> Path:
        folder = tmp_path / "feeds"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes((PUBLISHED / name).read_bytes())
        return folder

    return gathered
