"""The models that ship with the repository, and the programs that made them."""
