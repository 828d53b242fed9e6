"""How one ModelDeployment's traffic shall be split, and what the router has to be told for it. Pure."""

from dataclasses import replace

from contender.api import Phase, Trial, seconds
from contender.manifests.routes.blocks import free_port, next_block
from contender.observation import Block, Observation, Problem, Route, RouterPod
from contender.rollout import capacity, look, shadow
from contender.rollout.evidence import Evidence
from contender.rollout.trial import WON


def wanted_route(champion: str | None, trial: Trial | None, seen: Observation) -> Route | None:
    """The split to work towards. Weight goes only to a variant with ready pods; None before the first has any."""
    if champion is None:
        first = seen.variants.get(seen.wanted.hash)
        return Route(first.intent.hash) if first and first.ready else None
    return Route(champion) if trial is None or trial.ended else _route_in_trial(trial, seen)


def last_route(trial: Trial) -> Route:
    """The route at which a phase that moves traffic ends. Who stands by stays known to the router, for the way back."""
    old, new = trial.champion.variant, trial.challenger.variant
    return Route(new, old) if trial.phase in WON else Route(old)


def _route_in_trial(trial: Trial, seen: Observation) -> Route:
    if trial.phase in {Phase.REJECTING, Phase.SUPERSEDING}:
        return last_route(trial)
    if trial.phase is Phase.STANDBY and trial.champion.variant not in seen.variants:
        return Route(trial.challenger.variant)
    if trial.phase is Phase.STANDBY:
        return last_route(trial)
    challenger = seen.variants.get(trial.challenger.variant)
    if challenger is None or not challenger.ready:
        return Route(trial.champion.variant)
    pods = capacity.challenger_pods(trial, seen.deployment)
    if trial.phase is Phase.PROMOTING and challenger.ready >= pods:
        return last_route(trial)
    return Route(trial.champion.variant, trial.challenger.variant, look.share(trial), shadow.percent(trial))


def is_live(route: Route | None, seen: Observation) -> bool:
    """Every ready router pod answers, and carries `route`."""
    router = seen.router
    return bool(router.pods) and not router.silent and all(pod.listening and pod.route == route for pod in router.pods)


def url(seen: Observation, *, made: bool) -> str | None:
    """Where clients call; None while nothing lets them in. `made` says that the entry Service is."""
    if made:
        return f"http://{seen.deployment.name}.{seen.deployment.namespace}.svc"
    return seen.entry.url if seen.entry else None


def unjudged(trial: Trial | None, seen: Observation) -> Problem | None:
    """Why a Gateway's histograms do not tell what the trial's guardrails ask."""
    if trial is None or trial.ended:
        return None
    for measure in Evidence.of(trial).measures:
        for pod in seen.router.pods:
            if pod.edges is not None and not pod.edges.issuperset(measure.edges):
                return _too_coarse(measure.name, pod)
    return None


def _too_coarse(measure: str, pod: RouterPod) -> Problem:
    known = ", ".join(f"{edge * 1000:g}ms" for edge in sorted(pod.edges or ())) or "none of ours"
    return Problem(
        "EvidenceUnavailable",
        f"the Gateway's proxies do not tell what {measure} asks for, but times over {known}: give them the histogram "
        "of docs/gateway.md, or end the trial and write one of those times",
    )


def wanted_block(wanted: Route | None, trial: Trial | None, seen: Observation) -> Block | None:
    """What to write into the router's configuration now. Raises RouterFull."""
    old = seen.router.block
    if wanted is None:
        return old
    port = old.port if old else (seen.entry and seen.entry.port) or free_port(seen.router, seen.deployment.name)
    ports = {variant: known.intent.port for variant, known in seen.variants.items()}
    proven = frozenset({trial.champion.variant, trial.challenger.variant} if trial and trial.watches else ())
    block = next_block(wanted, port, seconds(seen.deployment.timeout), ports, seen.router, proven)
    return replace(block, sticky=seen.deployment.sticky)


def reachable(block: Block | None, seen: Observation) -> frozenset[str]:
    """Variants that a router pod may still send requests to."""
    written = {variant for known in (block, seen.router.block) if known for variant in known.clusters}
    unknown = seen.variants.keys() if seen.router.silent or seen.router.unseen else frozenset[str]()
    return frozenset(written).union(*(pod.clusters for pod in seen.router.pods), unknown)


def stale_pods(block: Block | None, seen: Observation) -> tuple[str, ...]:
    """Router pods that are not seen to carry `block`."""
    if block is None:
        return ()
    behind = (pod for pod in seen.router.pods if pod.route != block.route or _other_clusters(pod, block, seen))
    return (*(pod.name for pod in behind), *seen.router.silent)


def _other_clusters(pod: RouterPod, block: Block, seen: Observation) -> bool:
    """A cluster counts as there only with an endpoint, so one without ready pods is not waited for."""
    ready = {variant for variant in block.clusters if (known := seen.variants.get(variant)) and known.ready}
    clusters = ready <= pod.clusters <= frozenset(block.clusters)
    return not (clusters and ready & set(block.shadows) <= pod.shadows.keys() <= set(block.shadows))
