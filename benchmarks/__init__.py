"""Benchmarks: `make bench-serving`. Nothing in the product imports them."""
