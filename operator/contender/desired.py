"""Which variants stay, and the objects that follow. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from contender.api import Trial
from contender.intent import Intent
from contender.manifests import deployment, hpa, pdb, service
from contender.observation import Block, Observation
from contender.rollout import capacity


def intents(champion: str | None, trial: Trial | None, seen: Observation) -> dict[str, Intent]:
    """The variants whose objects are kept as they should be, by hash: the champion, or who is to be the first one; the
    challenger; and after promotion who stands by.
    """
    on_trial = {trial.champion.variant, trial.challenger.variant} if trial and not trial.ended else set()
    hashes = {champion or seen.wanted.hash} | on_trial
    return {variant: intent for variant in sorted(hashes) if (intent := _intent(variant, seen))}


def objects(kept: Mapping[str, Intent], trial: Trial | None, seen: Observation) -> Iterator[Mapping[str, Any]]:
    """The four objects of each variant that is kept."""
    owner, running = seen.deployment, trial if trial and not trial.ended else None
    for variant, intent in kept.items():
        if running and variant == running.challenger.variant:
            pods = capacity.challenger_pods(running, owner)
        else:
            pods = capacity.champion_pods(running, owner)
        yield service.variant_service(owner, intent)
        yield deployment.deployment(owner, intent)
        yield hpa.hpa(owner, intent, pods)
        yield pdb.pdb(owner, intent)


def entry(champion: str | None, block: Block | None, seen: Observation, *, live: bool) -> Iterator[Mapping[str, Any]]:
    """The Service that clients call, once every ready router pod carries its listener and reaches the champion.

    A Gateway needs none: clients come to its own address, and the HTTPRoute says who the champion is.
    """
    if seen.deployment.gateway is not None:
        return
    reached = live and all(champion in pod.clusters for pod in seen.router.pods)
    if champion and block and (reached or seen.entry):
        yield service.entry_service(seen.deployment, champion, block.port)


def _intent(variant: str, seen: Observation) -> Intent | None:
    """The wish as it is now, with what it was first given; else what the variant's objects say of themselves."""
    known = seen.variants.get(variant)
    if variant != seen.wanted.hash:
        return known.intent if known else None
    if known is None:
        return seen.wanted
    return replace(seen.wanted, serving_image=known.intent.serving_image, receipts=known.intent.receipts)
