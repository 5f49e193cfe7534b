"""The actions of `dungeonfighter db`; `commands.db` finds each by its name."""
