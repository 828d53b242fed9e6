"""The cluster's own Gateway: Envoy Gateway, as a platform team would install it."""
