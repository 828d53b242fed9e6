"""One reconcile of one ModelDeployment: observe, plan, record, apply, prune, report.

All that is decided of a trial is decided by the clock read here.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp

from contender import metrics, names, status
from contender.api import ModelDeployment
from contender.cluster import kinds
from contender.cluster import observe as seeing
from contender.cluster.client import Client
from contender.cluster.errors import Refused
from contender.cluster.events import event
from contender.cluster.kinds import Object
from contender.cluster.ledger import Ledgers
from contender.cluster.store import Store
from contender.cluster.turns import Turns
from contender.cluster.writer import Writer
from contender.manifests.routes import RouterFull
from contender.manifests.trial import trial_status
from contender.measure import Silent, answers
from contender.measure.ledger import Ledger
from contender.observation import Observation, Problem, Recording
from contender.plan import Event, Plan, find_champion, make_plan
from contender.planes import Planes
from contender.rollout import labels, look, quality

logger = logging.getLogger(__name__)

NO_ANSWER = f"{names.LEDGER} gives no answer"
STUCK_SECONDS = 30.0  # before what was refused is tried again unasked


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that a reconcile touches."""

    client: Client
    store: Store
    writer: Writer
    planes: Planes
    ledgers: Ledgers
    session: aiohttp.ClientSession
    serving_image: str
    ledger: Ledger
    turns: Turns


async def reconcile(world: World, namespace: str, name: str) -> float | None:
    """Brings one ModelDeployment one step on. Seconds until the next look; None when it is gone."""
    owner = seeing.deployment(world.store, namespace, name)
    if owner is None:
        return None
    seen = await observe(world, owner)
    try:
        plan = make_plan(seen)
    except RouterFull as full:
        return await _refuse(world, seen, owner.status, full)
    await _record(world, seen, plan)
    await _tell(world, seen, plan.events)
    refusal = await _carry_out(world, seen, plan)
    if refusal is not None:
        return await _refuse(world, seen, plan.status or owner.status, refusal)
    await _report(world, seen, plan.status)
    return plan.look_again


async def observe(world: World, owner: ModelDeployment) -> Observation:
    """All reads, once: what the watches told, and what each ready router pod, or server in the shadow, answers now."""
    sight, recordings = await asyncio.gather(world.planes.of(owner).observe(owner), _recordings(world, owner))
    now = datetime.now(UTC)  # noqa: TID251
    seen = seeing.observe(world.store, owner, now, world.serving_image, sight.router, sight.entry)
    return await with_quality(world, await with_labels(world, replace(seen, recordings=recordings)))


async def with_labels(world: World, seen: Observation) -> Observation:
    """With what the ledger tells, where the trial asks for it."""
    question = labels.question(seen.trials[-1], seen.now) if seen.trials else None
    if question is None:
        return seen
    heard = await _heard(world, seen.deployment, question)
    return replace(seen, labels=heard.labels, ledger_silence=heard.silence)


async def with_quality(world: World, seen: Observation) -> Observation:
    """With what the ledger tells of the champion, where it is watched; asked now and then, however often one looks."""
    owner = seen.deployment
    if owner.monitoring is None or not world.ledger.rested(owner.uid, seen.now, quality.every(owner.monitoring)):
        return seen
    question = quality.question(owner, find_champion(seen), seen.now)
    if question is None:
        return seen
    heard = await _heard(world, owner, question)
    return replace(seen, quality=heard.labels, quality_silence=heard.silence)


async def _heard(world: World, owner: ModelDeployment, question: labels.Question) -> labels.Heard:
    try:
        return labels.Heard(await world.ledger.labels(owner.namespace, owner.name, question))
    except Silent as silence:
        logger.info("%s", silence, extra={"namespace": owner.namespace, "modeldeployment": owner.name})
        return labels.Heard(silence=world.ledgers.problem(owner.namespace) or NO_ANSWER)


async def _recordings(world: World, owner: ModelDeployment) -> Mapping[str, Sequence[Recording]]:
    """By variant, of those pods that tell of their answers."""
    found: defaultdict[str, list[Recording]] = defaultdict(list)
    asked = list(seeing.recorders(world.store, owner))
    told = await asyncio.gather(*(_recording(world, address) for _, address in asked))
    for (variant, _), recording in zip(asked, told, strict=True):
        found[variant] += [recording] if recording else []
    return found


async def _recording(world: World, address: str) -> Recording | None:
    with suppress(Silent):
        return await answers.recording(world.session, address)
    return None


async def _record(world: World, seen: Observation, plan: Plan) -> None:
    """Decisions first: whatever follows from them can be asked for again by anyone who reads them."""
    before = seen.trials[-1] if seen.trials else None
    if plan.trial is not None and before is not None and plan.trial != before:
        manifest = trial_status(seen.deployment, plan.trial, look.wanted_share(plan.trial))
        result = await world.client.apply(manifest, version=before.resource_version, part="status")
        world.store.put(kinds.TRIAL, result)
    if plan.begins is not None:
        world.store.put(kinds.TRIAL, await world.client.create(plan.begins))


async def _carry_out(world: World, seen: Observation, plan: Plan) -> Refused | RouterFull | None:
    """Does all that can be done; the first refusal. One refused object must not keep the others from being mended.

    The route comes first: traffic must be able to leave a challenger even when the cluster refuses its objects.
    """
    first: Refused | RouterFull | None = None
    for step in (
        partial(_route, world, seen, plan),
        partial(_ensure_router, world, seen),
        partial(_ensure_ledger, world, seen),
        *(partial(_apply, world, seen, manifest) for manifest in plan.objects),
        partial(_prune, world, seen, plan),
    ):
        try:
            await step()
        except (Refused, RouterFull) as refusal:
            first = first or refusal
    return first


async def _route(world: World, seen: Observation, plan: Plan) -> None:
    for edited in await world.planes.of(seen.deployment).carry(seen, plan):
        await _undone(world, seen, edited)


async def _ensure_router(world: World, seen: Observation) -> None:
    for edited in await world.planes.of(seen.deployment).stand(seen):
        await _undone(world, seen, edited)


async def _ensure_ledger(world: World, seen: Observation) -> None:
    for edited in await world.ledgers.ensure(seen.deployment.namespace, seen.now):
        await _undone(world, seen, edited)


async def _apply(world: World, seen: Observation, manifest: Object) -> None:
    if await world.writer.apply(manifest):
        await _undone(world, seen, manifest)


async def _undone(world: World, seen: Observation, edited: Object) -> None:
    what = f"{edited['kind']} {edited['metadata']['name']}"
    await _tell(world, seen, [Event("Warning", "HandEditUndone", f"{what} was edited by hand; spec decides")])


async def _prune(world: World, seen: Observation, plan: Plan) -> None:
    owner = seen.deployment
    for variant in plan.surplus:
        for kind in kinds.OF_A_VARIANT:
            await world.writer.prune(kind, owner.namespace, names.variant_name(owner.name, variant), owner.uid)
    for trial in plan.old_trials:
        await world.writer.prune(kinds.TRIAL, owner.namespace, trial, owner.uid)


async def _refuse(world: World, seen: Observation, known: Mapping[str, Any], refusal: Refused | RouterFull) -> float:
    metrics.failed(refusal)
    problem = refusal.problem if isinstance(refusal, Refused) else Problem("RouterFull", str(refusal))
    await _report(world, seen, status.refused(known, seen, problem))
    return STUCK_SECONDS


async def _report(world: World, seen: Observation, wanted: Mapping[str, Any]) -> None:
    owner = seen.deployment
    if "phase" in wanted:  # not between a wiped status and the look after the one that begins a trial
        metrics.observed(owner.namespace, owner.name, wanted)
    if wanted == owner.status:
        return
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": owner.name, "namespace": owner.namespace},
        "status": wanted,
    }
    result = await world.client.apply(manifest, version=owner.resource_version, part="status")
    world.store.put(kinds.MODELDEPLOYMENT, result)


async def _tell(world: World, seen: Observation, events: Sequence[Event]) -> None:
    where = {"namespace": seen.deployment.namespace, "modeldeployment": seen.deployment.name}
    for said in events:
        logger.info("%s: %s", said.reason, said.message, extra=where)
        await world.client.event(event(seen.deployment, said.type, said.reason, said.message, seen.now))
