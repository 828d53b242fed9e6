"""Contender's serving image: one model bundle, fetched, verified and served by one process."""
