"""Open Inference Protocol V2 over gRPC, beside HTTP and over the same model."""
