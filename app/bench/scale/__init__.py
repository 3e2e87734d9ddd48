"""How many answerers and web replicas questions need: a simulation fed with measured times, and no LLM."""
