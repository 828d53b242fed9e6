"""`python -m contender`: settings, leader election, then the watches. Only the leader acts."""

import asyncio
import logging
import os
import signal
from urllib.request import getproxies_environment

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from contender import health, logs, metrics
from contender.cluster.client import Client
from contender.cluster.gateways import Gateways
from contender.cluster.ledger import Ledgers
from contender.cluster.routing import RouterSettings, Routing
from contender.cluster.store import Store
from contender.cluster.turns import Turns
from contender.cluster.writer import Writer
from contender.handlers import operate
from contender.leader import LeaseLostError, lead
from contender.measure.ledger import Ledger
from contender.planes import ClusterGateway, EmbeddedRouter, Planes
from contender.reconcile import World
from contender.settings import Settings

LEASE = "contender-operator"

logger = logging.getLogger(__name__)


def main() -> None:
    settings = Settings.read()
    logs.configure(settings.log_level)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    _stop_on_sigterm()
    config.load_incluster_config()
    async with _api_client() as api, aiohttp.ClientSession() as session, health.served(api):
        try:
            await lead(api, settings.namespace, LEASE, settings.identity, lambda: _work(settings, api, session))
        except LeaseLostError as lost:
            logger.error("%s: this process ends at once, so that it does not act beside the new leader", lost)
            os._exit(1)
        except asyncio.CancelledError:
            logger.info("stopped; the Lease is free")


async def _work(settings: Settings, api: ApiClient, session: aiohttp.ClientSession) -> None:
    metrics.leads()
    client, store = Client(api), Store()
    writer = Writer(client, store)
    router = RouterSettings(settings.router_image, settings.router_replicas, settings.router_resources)
    turns = Turns()
    routing = Routing(client, store, writer, router, turns)
    gateway = ClusterGateway(Gateways(client, store), writer, session, settings.gateway_proxy_namespace)
    planes = Planes(EmbeddedRouter(store, routing, session), gateway)
    ledgers = Ledgers(client, store, writer, settings.ledger)
    evidence = Ledger(session, ledgers.token)
    world = World(client, store, writer, planes, ledgers, session, settings.serving_image, evidence, turns)
    await operate(world, settings.watch_namespaces, settings.identity)


def _api_client() -> ApiClient:
    """Without a look at the environment before each request where it names no proxy: a fifth of the operator's CPU."""
    configuration = Configuration.get_default_copy()
    configuration.client_session_kwargs = {"trust_env": bool(getproxies_environment())}
    return ApiClient(configuration)


def _stop_on_sigterm() -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


if __name__ == "__main__":
    main()
