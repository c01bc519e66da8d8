"""What each trick beyond the paper's own changes on the embedded collection, over several seeds."""
