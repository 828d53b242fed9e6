"""What splits the traffic. Here: the embedded router, a stock Envoy that reads files from a ConfigMap.

`blocks` decides what may be written now, `envoy` writes a namespace's blocks as Envoy's files, `router` and `bootstrap`
are the pods that read them. `measure.envoy` reads back what those pods made of it.
"""


class RouterFull(Exception):
    """The namespace's router has no room for what is asked. Its message says what to do instead."""
