"""The project's own plugin in a rehearsal: what it computes stays, what it does to this machine is left out."""
