"""What every other package stands on: files, locks, settings, registries, progress, processes."""
