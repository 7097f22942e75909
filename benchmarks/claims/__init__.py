"""What gradtwin promises of its own cost, each measured in one run and said to be reached or not."""
