"""Records real runs of a tiny model with one knob broken each: the logs in tests/logs/recorded."""
