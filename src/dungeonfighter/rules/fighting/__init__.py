"""Fighting: the two sides of a fight, its time line, damage, intents and statuses."""
