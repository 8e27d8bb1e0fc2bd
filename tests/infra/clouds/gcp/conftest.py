"""The whole region, once: as its stack file says, with the tenants that name it."""

import pytest

from infra.clouds.gcp import GcpRegion
from tests.infra.clouds.gcp.recording import Recorder, record, settings


@pytest.fixture(scope="session")
def region() -> Recorder:
    given = settings()
    return record(lambda: GcpRegion("region", given))
