"""What the self-tests share: the data and model that a user's clone does not have, and small builders."""

from pathlib import Path

import pytest
from hypothesis import settings

from fixtures.tasks import Source

SHARED = Path(__file__).parents[2] / "shared"

settings.register_profile("busy machines", deadline=None)
settings.load_profile("busy machines")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings are errors here, and only here: a release must not be red because a library deprecates something."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs ../shared/{name}, which is not part of a clone")
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real public evaluation files."""
    return _shared("data")


@pytest.fixture(scope="session")
def stories() -> Path:
    """A real pretrained model, 260 thousand parameters."""
    return _shared("models/stories260K")


@pytest.fixture
def real(real_data: Path) -> Source:
    """The real public files."""
    return Source(real_data, "real")
