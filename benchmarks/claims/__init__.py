"""gradtwin's claims about its cost, each measured in one run and reported as reached or not."""
