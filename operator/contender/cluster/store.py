"""What the watches have told, by kind, namespace and name: every read of a reconcile comes from here.

Events arrive in any order and twice; an object is replaced only by a newer version of itself. Kubernetes promises since
1.35 that resource versions can be compared as numbers (KEP-5504), and etcd's have always been so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from contender import names
from contender.cluster.kinds import Kind, Object


class Store:
    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], dict[str, Object]] = defaultdict(dict)

    def put(self, kind: Kind, raw: Object) -> bool:
        """True when that was news: not when it is what the operator itself wrote a moment ago."""
        meta = raw["metadata"]
        shelf = self._objects[kind.name, meta["namespace"]]
        known = shelf.get(meta["name"])
        if known is not None and _version(known) >= _version(raw):
            return False
        shelf[meta["name"]] = trimmed(raw)
        return True

    def drop(self, kind: Kind, raw: Object) -> bool:
        """True when the object was known, and no newer one of its name is."""
        meta = raw["metadata"]
        shelf = self._objects[kind.name, meta["namespace"]]
        if meta["name"] not in shelf or _version(shelf[meta["name"]]) > _version(raw):
            return False
        del shelf[meta["name"]]
        return True

    def refill(self, kind: Kind, namespace: str | None, objects: Iterable[Object], version: str) -> None:
        """Takes a whole list, made at `version`; what is older and not in it is gone."""
        listed = {(raw["metadata"]["namespace"], raw["metadata"]["name"]): raw for raw in objects}
        for (name, home), shelf in self._objects.items():
            if name == kind.name and namespace in (None, home):
                gone = [
                    key for key, known in shelf.items() if (home, key) not in listed and _version(known) <= int(version)
                ]
                for key in gone:
                    del shelf[key]
        for raw in listed.values():
            self.put(kind, raw)

    def forget(self, kind: Kind, namespace: str | None) -> None:
        """Nothing of that kind is known any more."""
        for name, home in self._objects:
            if name == kind.name and namespace in (None, home):
                self._objects[name, home].clear()

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects[kind.name, namespace].get(name)

    def all(self, kind: Kind, namespace: str) -> Iterator[Object]:
        yield from list(self._objects[kind.name, namespace].values())

    def names(self, kind: Kind) -> list[tuple[str, str]]:
        """(namespace, name) of every object of a kind."""
        return [(home, name) for (known, home), shelf in self._objects.items() if known == kind.name for name in shelf]

    def of(self, kind: Kind, namespace: str, deployment: str) -> Iterator[Object]:
        """Objects that belong to one ModelDeployment, by label."""
        return (raw for raw in self.all(kind, namespace) if label(raw, names.MODELDEPLOYMENT) == deployment)


def label(raw: Object, key: str) -> str | None:
    found: str | None = (raw["metadata"].get("labels") or {}).get(key)
    return found


def is_owned(raw: Object, owner: str) -> bool:
    """Ours: it carries our label, and belongs to the ModelDeployment with that uid."""
    references = raw["metadata"].get("ownerReferences", ())
    return label(raw, names.COMPONENT) is not None and any(reference["uid"] == owner for reference in references)


def trimmed(raw: Object) -> Object:
    """The object without what nobody reads here: it is what the operator's memory is spent on."""
    meta = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return {**raw, "metadata": meta}


def _version(raw: Object) -> int:
    return int(raw["metadata"]["resourceVersion"])
