"""`bookchorus skill train`: learns a skill and fits what its answers weigh."""
