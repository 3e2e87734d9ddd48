"""`bookchorus eval`: how good the answers are, system by system."""
