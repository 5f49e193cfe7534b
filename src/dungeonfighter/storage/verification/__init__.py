"""The verification of a whole store: it reads and checks every row; docs/backups.md is the manual."""
