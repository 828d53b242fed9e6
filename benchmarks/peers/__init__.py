"""The peers as their own documents have one write them; each runs in an environment of its own, pinned in *.txt."""
