"""A long run of a real server under coming and going bots, which judges whether its resources stay flat."""
