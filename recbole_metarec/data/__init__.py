"""Former names of commands, which go on working."""
