import pytest

from polysilicon.facts import Catalogue, load


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()
