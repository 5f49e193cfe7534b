"""The journey: dungeons, rooms, trades, the hub, and the progress over the run."""
