"""What did it cost? An estimate from list prices, in USD.

The user's own price file comes first (`price_file`), then the list that the library genai-prices
ships (`price_list`, read lazily and off the event loop). A usage without a price is counted as
unpriced, never as 0. `providers` says which upstreams the list is for.
"""
