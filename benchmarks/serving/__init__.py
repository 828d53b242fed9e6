"""The serving image beside its peers: each server on one core, the load generator on the other, all in one run."""
