"""Looks at servers and databases from outside, and judges what it sees: the command `doctor`."""
