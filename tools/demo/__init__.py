"""The demo: three models compete on a real cluster, under live traffic, in a few minutes. `make demo`."""
