"""Faults under playing bots, with a checker that reads their journals and the store; see docs/chaos.md."""
