"""What every other package stands on: errors, files, locks, settings, registries, progress, processes."""
