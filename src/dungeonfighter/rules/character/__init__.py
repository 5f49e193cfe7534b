"""The character: the hero's figures, items, inventory, prices, and gains of experience and goods."""
