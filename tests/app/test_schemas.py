"""The HTTP API spells out its own literals: they must stay those of the database."""

from typing import get_args

import pytest

from app import schemas
from store import segmentation, tables


@pytest.mark.parametrize(
    ("api", "stored"),
    [
        (schemas.JobStatus, tables.JobStatus),
        (schemas.VersionState, tables.VersionState),
        (schemas.JobEvent.model_fields["type"].annotation, tables.EventType),
        (schemas.Chapter.model_fields["matter"].annotation, segmentation.Matter),
    ],
    ids=["job status", "version state", "event type", "matter"],
)
def test_the_api_and_the_database_have_the_same_values(api: object, stored: object) -> None:
    assert get_args(api) == get_args(stored)
