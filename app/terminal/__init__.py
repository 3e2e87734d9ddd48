"""What the command line shows: answers, versions, inspections, training."""
