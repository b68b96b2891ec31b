"""Django's database backend, for web processes with a pool of connections."""
