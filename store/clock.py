"""The database's clock, which all processes that share a database count leases by."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from store.tables.base import UtcDateTime


class _Now(FunctionElement[datetime]):
    """The present moment, also where the transaction began long ago."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(_Now, "sqlite")
def _sqlite(element: _Now, compiler: SQLCompiler, **_: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(_Now, "postgresql")
def _postgresql(element: _Now, compiler: SQLCompiler, **_: Any) -> str:
    return "clock_timestamp()"


def now(session: Session) -> datetime:
    """The present moment by the clock of the database: to a millisecond on SQLite."""
    return session.scalars(select(_Now())).one()
