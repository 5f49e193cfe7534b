"""Real servers and free ports that tests and benchmarks start; imports neither of them."""
