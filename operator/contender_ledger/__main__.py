"""`python -m contender_ledger`: the service, until SIGTERM; then what was begun is finished."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

from aiohttp import web

from contender_ledger import retention
from contender_ledger.access import Access
from contender_ledger.application import Ledger, application
from contender_ledger.database import Database
from contender_ledger.keys import KeyRing
from contender_ledger.settings import Settings
from contender_ledger.writer import Writer

LEAVE_SECONDS = 20.0  # for calls under way


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings.read(os.environ)
    web.run_app(
        served(settings),
        host=settings.host,
        port=settings.port,
        access_log=None,
        shutdown_timeout=LEAVE_SECONDS,
        print=None,
    )


async def served(settings: Settings) -> web.Application:
    """The application, with its threads and its upkeep."""
    database = Database(settings.database)
    writer = Writer(database)
    milliseconds = settings.retention * 1000
    ledger = Ledger(database, writer, KeyRing(settings.receipt_keys), Access(settings.secret), milliseconds)

    async def upkeep(_: web.Application) -> AsyncIterator[None]:
        ageing = asyncio.create_task(retention.keep(database, milliseconds))
        yield
        ageing.cancel()
        await asyncio.to_thread(writer.close)
        database.close()

    app = application(ledger)
    app.cleanup_ctx.append(upkeep)
    return app


if __name__ == "__main__":
    main()
