"""Playthroughs as prose: the text views of runs with fixed seeds and fixed inputs, turn by turn.

`make golden` (`python -m tests.golden`) writes them anew. A human reads the diff, which shows each change of
behaviour or wording. `python -m tests.golden --record` first records new inputs; it is for changes of the
rules that make the recorded inputs meaningless.
"""
