"""How a trial is judged: counts, evidence, rules and verdicts, all of it pure."""
