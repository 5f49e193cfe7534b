"""Views of a state: observation, text view, sentences of events, labels, forecasts."""
