"""The actions of `dungeonfighter lab`; `commands.lab` finds each by its name."""
