"""What every HTTP service of ours does the same way: settings, logs, errors, limits, request ids, drain."""
