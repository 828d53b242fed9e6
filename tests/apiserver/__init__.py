"""The operator's own code against a real API server, with everything else played: no kubelet, no Envoy, no watches.

A package, so that the operator in the cluster rests once for all of these tests.
"""
