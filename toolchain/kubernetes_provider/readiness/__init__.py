"""When an object counts as ready, and what to tell the user until it does."""
