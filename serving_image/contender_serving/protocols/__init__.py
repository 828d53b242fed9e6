"""How bytes become named tensors and back: one pure module per protocol, which knows nothing of HTTP."""
