"""The commands of `fleet`, one group a file. They parse, call and print; the work is done elsewhere."""
