"""Games over a store: hot games, the queue of each bot, group commit, settling."""
