"""`python -m tests.golden [--record]`: write the playthroughs and the tables of docs/rules.md anew."""

from __future__ import annotations

import sys

from dungeonfighter.rules import load_rules
from tests.golden.playthroughs import FOLDER, RUNS, write
from tests.golden.tables import DOCUMENT, filled

rules = load_rules()
write(rules, anew="--record" in sys.argv[1:])
DOCUMENT.write_text(filled(DOCUMENT.read_text(), rules.catalogue))
sys.stdout.write(f"{len(RUNS)} playthroughs written to {FOLDER.name}; read the diff before you commit it\n")
