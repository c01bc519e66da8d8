"""Infrastructure that all other packages use: files, locks, settings, registries, progress, processes."""
