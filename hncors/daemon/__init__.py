"""The world: sockets, serial ports, files, clocks, the web.  Nothing else in hncors touches it."""
