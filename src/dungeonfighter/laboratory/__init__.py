"""The laboratory of the rules: it measures players, decisions and figures on many runs of the rules alone.

`figures` and `processes` import no rules, because figures must be in place before the rules are imported.

Source: docs/lab.md.
"""
