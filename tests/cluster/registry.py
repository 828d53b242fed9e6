"""Images that others publish: taken from their registry where it answers."""

from tests.cluster import cache
from tests.cluster.engine import Engine
from tests.cluster.steps import step


def pulled(role: str, reference: str, engine: Engine) -> str | None:
    """Our own name for a published image, which never changes what it means; None where no registry answers for it."""
    name = f"localhost/contender-{role}:{cache.key('pulled', reference)}"
    if engine.has(name):
        return name
    if not engine.can_pull(reference):
        return None
    with step(f"pull {reference}", "30 s"):
        engine("pull", reference)
        engine("tag", reference, name)
    return name
