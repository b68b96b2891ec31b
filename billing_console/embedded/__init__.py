"""PostgreSQL and Redis of the console's own, for installations that have no servers.

They listen on sockets in a folder of their own, run as an unprivileged user also when root starts
them, serve all commands that need them at a time, and end with the last one. That is told by locks
on files, which end with the process that holds them, however it ends.
"""

from billing_console.embedded.processes import Unavailable
from billing_console.embedded.servers import Servers

__all__ = ["Servers", "Unavailable"]
