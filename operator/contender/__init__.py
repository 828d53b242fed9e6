"""Contender: machine-learning models compete for production traffic, on plain Kubernetes."""
