"""The listening side of gRPC. It shares the event loop, and what it serves, with HTTP."""

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from contender_serving.grpc import methods
from contender_serving.service import Service

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
SERVICES = ("", methods.NAME)  # what a health check may ask for; the empty name is the whole server


class GrpcServer:
    """A gRPC server on one address."""

    def __init__(self, service: Service, max_message_bytes: int) -> None:
        options = [("grpc.max_receive_message_length", max_message_bytes), ("grpc.so_reuseport", 0)]
        self._server = grpc.aio.server(options=options)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers((methods.handler(service),))
        add_HealthServicer_to_server(self._health, self._server)

    async def listen(self, host: str, port: int) -> None:
        """Take clients in from now on, not ready yet. Raises `RuntimeError` if the address is not to be had."""
        await self.announce(ready=False)
        self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        await self._server.start()

    async def announce(self, *, ready: bool) -> None:
        """Tell those who check the health."""
        for name in SERVICES:
            await self._health.set(name, SERVING if ready else NOT_SERVING)

    async def close(self, patience: float) -> None:
        """Take no more requests, and return when those in flight are answered or `patience` seconds are over."""
        await self._server.stop(patience)
