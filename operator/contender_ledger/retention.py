"""Rows age out, their counts by the hour stay."""

import asyncio
import logging
import time

from sqlalchemy import Connection, delete, select, tuple_

from contender_ledger.accepting import DAY
from contender_ledger.database import Database, Unavailable
from contender_ledger.recording import HOUR, MINUTE
from contender_ledger.tables import COUNTS, DELAYS, LABELS, SERIES

ROWS_AT_ONCE = 5_000  # labels that come meanwhile wait for no more than that
AGAIN_SECONDS = 3_600.0

logger = logging.getLogger(__name__)


async def keep(database: Database, retention: int) -> None:
    """Age out every hour, for ever; `retention` in milliseconds."""
    while True:
        try:
            aged = await asyncio.to_thread(age_out, database, int(time.time() * 1000) - retention)
            logger.info("%d rows aged out", aged)
        except Unavailable as error:
            logger.warning("rows could not age out: %s", error)
        await asyncio.sleep(AGAIN_SECONDS)


def age_out(database: Database, expired: int) -> int:
    """Delete the rows served a day before `expired` (ms), their delays, their counts by the minute; returns how many.

    The day is what clocks may be apart: a row goes only when its receipt is refused as expired by every replica, so
    that none is counted a second time.
    """
    before = (expired - DAY) // HOUR * HOUR
    aged = 0
    while True:
        with database.writing() as connection:
            some = _delete_some(connection, before)
        aged += some
        if some < ROWS_AT_ONCE:
            return aged


def _delete_some(connection: Connection, before: int) -> int:
    series = select(SERIES.c.id)  # named, so that the indexes are of use
    old = LABELS.c.series.in_(series), LABELS.c.at < before
    oldest = select(LABELS.c.receipt, LABELS.c.row).where(*old).limit(ROWS_AT_ONCE)
    minutes = COUNTS.c.series.in_(series), COUNTS.c.width == MINUTE, COUNTS.c.start < before
    connection.execute(delete(COUNTS).where(*minutes))
    connection.execute(delete(DELAYS).where(DELAYS.c.series.in_(series), DELAYS.c.start < before))
    return connection.execute(delete(LABELS).where(tuple_(LABELS.c.receipt, LABELS.c.row).in_(oldest))).rowcount
