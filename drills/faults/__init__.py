"""One module for each drill; a new one needs no other registration."""
