"""The game as a person sees it in a terminal: bars, a time line, items side by side, explanations."""
