"""Whether everything is there that a service needs; nothing is made or changed."""
