"""Faults to practise on: each is staged under playing bots, and repaired with docs/runbook.md."""
