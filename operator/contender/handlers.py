"""What kopf is for here: the watches. They fill the store and wake the one task that each ModelDeployment has.

No finalizer, no handler that patches, no timer: a daemon or timer of kopf's would leave objects that cannot be deleted
once the operator is gone.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import kopf

from contender import metrics, names
from contender.cluster import kinds
from contender.cluster.errors import Refused, Transient
from contender.cluster.kinds import Kind
from contender.cluster.store import label
from contender.reconcile import World, reconcile

RELIST_SECONDS = 3600.0  # a deletion that nobody told of is noticed by then
GAP_SECONDS = 5.0  # for which watches begin anew, of which one did
FOLLOW_SECONDS = 10.0  # before HTTPRoutes, which could not be watched, are asked for again
BREATH_SECONDS = 0.2  # between two reconciles of one object, so that a burst of events costs one
REST, LONGEST_REST = 5, 30.0  # times as long as a turn was waited for; seconds
FIRST_RETRY, LAST_RETRY = 1.0, 30.0  # seconds

logger = logging.getLogger(__name__)


class Tasks:
    """One task for each ModelDeployment, so that nothing about it ever happens twice at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wakes: dict[tuple[str, str], asyncio.Event] = {}
        self._running: set[asyncio.Task[None]] = set()

    def wake(self, namespace: str, name: str) -> None:
        key = (namespace, name)
        if key not in self._wakes:
            self._wakes[key] = asyncio.Event()
            task = asyncio.create_task(self._tend(namespace, name), name=f"{namespace}/{name}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        self._wakes[key].set()

    def wake_all(self, namespace: str) -> None:
        for raw in self._world.store.all(kinds.MODELDEPLOYMENT, namespace):
            self.wake(namespace, raw["metadata"]["name"])

    async def stop(self) -> None:
        """Ends all tasks, and waits until they have ended: after that this process writes nothing more."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _tend(self, namespace: str, name: str) -> None:
        wake, failures = self._wakes[namespace, name], 0
        while True:
            wake.clear()
            try:
                pause = await self._once(namespace, name)
                failures = 0
            except Exception as error:  # one ModelDeployment's trouble must not end the others' tasks
                failures += 1
                pause = min(FIRST_RETRY * 2 ** (failures - 1), LAST_RETRY)
                _complain(namespace, name, error)
            if pause is None:
                break
            await asyncio.sleep(BREATH_SECONDS)
            await _event_or_timeout(wake, pause)
        del self._wakes[namespace, name]
        metrics.forget(namespace, name)
        self.wake_all(namespace)  # the router's owners and blocks are one fewer

    async def _once(self, namespace: str, name: str) -> float | None:
        """Whoever waited for a turn looks the less often: nobody gains by more looks than there is time for."""
        async with self._world.turns.one() as waited:
            with metrics.timed():
                pause = await reconcile(self._world, namespace, name)
        return pause and max(pause, min(REST * waited, LONGEST_REST))


def _complain(namespace: str, name: str, error: Exception) -> None:
    metrics.failed(error)
    where = {"namespace": namespace, "modeldeployment": name}
    if isinstance(error, Transient):
        logger.warning("%s", error, extra=where)
    else:
        logger.error("reconcile failed", extra=where, exc_info=error)


async def _event_or_timeout(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def take(world: World, tasks: Tasks, kind: Kind, event: Mapping[str, Any]) -> None:
    """One event of a watch: into the store, and on to whom it concerns. What we wrote ourselves is no news."""
    raw = event["object"]
    store = world.store
    news = store.drop(kind, raw) if event["type"] == "DELETED" else store.put(kind, raw)
    if not news:
        return
    namespace, owner = raw["metadata"]["namespace"], label(raw, names.MODELDEPLOYMENT)
    if kind is kinds.MODELDEPLOYMENT:
        tasks.wake(namespace, raw["metadata"]["name"])
    elif owner is None:
        tasks.wake_all(namespace)
    elif store.get(kinds.MODELDEPLOYMENT, namespace, owner):
        tasks.wake(namespace, owner)


def registry(world: World, tasks: Tasks, gap: asyncio.Event) -> kopf.OperatorRegistry:
    """One silent event handler for each kind. `gap` is set when a watch began anew, which tells no deletion."""
    known = kopf.OperatorRegistry()
    kopf.on.login(registry=known)(kopf.login_with_service_account)
    for kind in kinds.WATCHED:

        async def handle(event: Any, *, kind: Kind = kind, **_: Any) -> None:
            take(world, tasks, kind, event)
            if event["type"] is None:
                gap.set()

        kopf.on.event(kind.group, kind.version, kind.plural, id=kind.plural, registry=known)(handle)
    return known


class NothingKept(kopf.DiffBaseStorage):
    """kopf would copy every object of every event, to tell what changed since the last: half of what an event costs."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def settings() -> kopf.OperatorSettings:
    chosen = kopf.OperatorSettings()
    chosen.persistence.diffbase_storage = NothingKept()
    chosen.posting.enabled = False  # Events are for people: what the operator decides, not what it logs
    chosen.scanning.disabled = True
    for kind in kinds.WATCHED:
        if kind.selector:
            chosen.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    return chosen


async def operate(world: World, namespaces: tuple[str, ...], identity: str) -> None:
    """Runs until cancelled. `namespaces` are those to watch; none means all. `identity` names this process."""
    tasks, gap = Tasks(world), asyncio.Event()
    await relist(world, tasks, namespaces)
    following = [asyncio.create_task(_follow_routes(world, tasks, namespace)) for namespace in namespaces or (None,)]
    listing = asyncio.create_task(_relist_for_ever(world, tasks, namespaces, gap))
    try:
        await kopf.operator(
            registry=registry(world, tasks, gap),
            settings=settings(),
            standalone=True,
            identity=identity,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
    finally:
        for task in (listing, *following):
            task.cancel()
        await tasks.stop()


async def relist(world: World, tasks: Tasks, namespaces: tuple[str, ...]) -> None:
    """Reads everything that is watched, so that the first reconcile, too, sees all of it."""
    for kind in kinds.WATCHED:
        for namespace in namespaces or (None,):
            objects, version = await world.client.list(kind, namespace)
            world.store.refill(kind, namespace, objects, version)
    for namespace, name in world.store.names(kinds.MODELDEPLOYMENT):
        tasks.wake(namespace, name)


async def _relist_for_ever(world: World, tasks: Tasks, namespaces: tuple[str, ...], gap: asyncio.Event) -> None:
    while True:
        await _event_or_timeout(gap, RELIST_SECONDS)
        await asyncio.sleep(GAP_SECONDS)
        gap.clear()
        try:
            await relist(world, tasks, namespaces)
        except (Transient, Refused) as error:
            metrics.failed(error)
            logger.warning("%s", error)


async def _follow_routes(world: World, tasks: Tasks, namespace: str | None) -> None:
    """kopf would look for their kind only once, when it starts."""
    gateways = world.planes.gateway.gateways
    while True:
        try:
            async for event in gateways.follow(namespace):
                if event is not None:
                    take(world, tasks, kinds.HTTPROUTE, event)
                    continue
                for home, name in gateways.users(namespace):
                    tasks.wake(home, name)
            await asyncio.sleep(FIRST_RETRY)
        except Exception as error:  # without this watch every user of a Gateway would be blind
            metrics.failed(error)
            logger.warning("HTTPRoutes are not followed: %s", error)
            await asyncio.sleep(FOLLOW_SECONDS)
