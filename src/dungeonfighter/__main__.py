"""`python -m dungeonfighter` does the same as the command `dungeonfighter`."""

from __future__ import annotations

import sys

from dungeonfighter.cli import main

sys.exit(main())
