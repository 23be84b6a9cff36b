"""aiohttp *server*. One request's life, from the app's bytes to the app's bytes."""
