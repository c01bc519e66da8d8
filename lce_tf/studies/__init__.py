"""Several runs of one or many data sets: cascades of models, curves of cost against quality, suites."""
