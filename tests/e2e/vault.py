"""A store that asks for a login, in the namespace of a test: the cluster's store behind a door of TLS."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from textwrap import indent

import trustme

from tests.e2e.scene import Scene
from tests.store import INSIDE, StoredModel

MANIFEST = Template(Path(__file__).with_name("vault.yaml").read_text())


@dataclass
class Vault:
    scene: Scene
    authority: trustme.CA = field(default_factory=trustme.CA)

    def opens_to(self, token: str) -> None:
        """From now on only this token opens the door."""
        leaf = self.authority.issue_cert(self._host)
        manifest = MANIFEST.substitute(
            IMAGE=self.scene.cluster.images["store"],
            LOGIN=f"Bearer {token}",
            CERTIFICATE=_block(leaf.cert_chain_pems[0]),
            KEY=_block(leaf.private_key_pem),
        )
        self.scene.kubectl("apply", "-f", "-", input=manifest)
        self.scene.kubectl("rollout", "status", "deployment/vault", "--timeout=180s")

    def key(self, secret: str, token: str) -> None:
        """Write the Secret that opens the door to who shows it, or write it anew."""
        values = {"token": token, "ca.crt": self.authority.cert_pem.bytes().decode()}
        arguments = [f"--from-literal={name}={value}" for name, value in values.items()]
        written = self.scene.kubectl(
            "create", "secret", "generic", secret, *arguments, "--dry-run=client", "-o", "yaml"
        )
        self.scene.kubectl("apply", "-f", "-", input=written)

    def model(self, stored: StoredModel, secret: str) -> StoredModel:
        """The same model, to be had at this door with what a Secret holds."""
        return replace(stored, uri=stored.uri.replace(INSIDE, f"https://{self._host}"), secret=secret)

    @property
    def _host(self) -> str:
        return f"vault.{self.scene.namespace}.svc"


def _block(pem: trustme.Blob) -> str:
    """A PEM as the manifest's YAML takes it."""
    return indent(pem.bytes().decode(), "    ").strip()
