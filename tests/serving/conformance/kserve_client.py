"""What KServe's SDK gets of a server, as JSON. Run by its own interpreter: the SDK's dependencies are many.

Arguments: the HTTP port, the gRPC port, and the rows as JSON.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


async def main(http_port: int, grpc_port: int, rows: list[list[float]]) -> dict[str, Any]:
    """Each way's answers, by its name."""
    base, v2 = f"http://127.0.0.1:{http_port}", InferenceRESTClient(RESTConfig(protocol="v2"))
    v1, grpc = InferenceRESTClient(RESTConfig(protocol="v1")), InferenceGRPCClient(f"127.0.0.1:{grpc_port}")
    instances = {"instances": rows}
    return {
        "live": [await v2.is_server_live(base), await grpc.is_server_live()],
        "ready": [await v2.is_server_ready(base), await grpc.is_server_ready()],
        "model ready": [await client.is_model_ready(base, "churn") for client in (v1, v2)]
        + [await grpc.is_model_ready("churn")],
        "V1": (await v1.infer(base, instances, model_name="churn"))["predictions"],
        "V2 in JSON": labels(await v2.infer(base, asking(rows, binary=False), model_name="churn")),
        "V2 as bytes": labels(await v2.infer(base, asking(rows, binary=True), model_name="churn")),
        "gRPC typed": labels(await grpc.infer(asking(rows, binary=False))),
        "gRPC as bytes": labels(await grpc.infer(asking(rows, binary=True))),
        "a refusal": await refusal(v2, base),
    }


def asking(rows: list[list[float]], *, binary: bool) -> InferRequest:
    """A request for the labels of these rows."""
    values = np.array(rows)
    tensor = InferInput("input_0", list(values.shape), "FP64")
    tensor.set_data_from_numpy(values, binary_data=binary)
    asked = [RequestedOutput("predict", {"binary_data": binary})]
    return InferRequest("churn", [tensor], request_id="7", request_outputs=asked)


def labels(answer: Any) -> list[Any]:
    """The labels of an answer, which has the request's id."""
    assert answer.id == "7"
    found: list[Any] = answer.outputs[0].as_numpy().tolist()
    return found


async def refusal(client: Any, base: str) -> str:
    """What the SDK raises of a request with too few features."""
    try:
        await client.infer(base, asking([[1.0]], binary=True), model_name="churn")
    except Exception as error:
        return str(error)
    return "none"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))))
