"""A candidate for leadership as a process, to be killed: `candidate <kubeconfig> <context> <namespace> <identity>`.

It prints `leads` when it does, gives the Lease back on SIGTERM, and ends with 1 when it lost it, as the operator does.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from contender.leader import LeaseLostError, lead

LEASE = "candidates"


async def work() -> None:
    print("leads", flush=True)
    await asyncio.Event().wait()


async def main(kubeconfig: str, context: str, namespace: str, identity: str) -> None:
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    configuration = Configuration()
    await config.load_kube_config(kubeconfig, context, client_configuration=configuration)
    async with ApiClient(configuration) as api:
        try:
            await lead(api, namespace, LEASE, identity, work)
        except LeaseLostError:
            os._exit(1)


if __name__ == "__main__":
    with suppress(asyncio.CancelledError):
        asyncio.run(main(*sys.argv[1:]))
