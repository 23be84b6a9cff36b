"""How do we talk to a provider? Routes, header rules, and the HTTP/1.1 client side."""
