"""What the providers' APIs look like on the wire: requests in, bytes out; no I/O, no clock."""
