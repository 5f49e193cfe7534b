"""The capacity plan: how many machines a number of bots needs, from measured unit costs."""
