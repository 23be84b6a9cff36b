"""The HTTP/1.1 client side, against real sockets."""
