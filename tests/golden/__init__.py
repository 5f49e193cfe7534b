"""Playthroughs as prose: what a bot reads, turn by turn, in runs whose seeds and inputs are fixed.

`make golden` (`python -m tests.golden`) writes them anew; the diff is read by a human, for that is how a
change of behaviour or wording is seen. `python -m tests.golden --record` plays the runs anew first, when
a change of the rules has made the recorded inputs meaningless.
"""
