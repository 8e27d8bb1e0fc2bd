"""What a stack costs in a month: from its file alone, by dated prices, without asking any cloud.

`usage` says how much of what a stack uses (`pools`, `regions`), `estimate` prices it, `difference` compares two
estimates, `budget` holds one against what may be spent, `refresh` asks the clouds for newer prices.
"""
