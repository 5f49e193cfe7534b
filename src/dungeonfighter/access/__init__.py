"""Admission of calls: principals, the one admission of every door, and the guard for Host and Origin."""
