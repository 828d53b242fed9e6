"""The objects that Contender wants, as dicts shaped like their YAML. Pure: what a golden file shows is what is sent."""
