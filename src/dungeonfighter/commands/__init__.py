"""The commands of `dungeonfighter`, one thin module each."""
