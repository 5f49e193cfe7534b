"""The actions of `dungeonfighter bots`; `commands.bots` finds each by its name."""
