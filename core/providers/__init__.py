"""Ways out to a phone, and what several of them share.

`simulator` needs no account and reaches no phone, `memory` keeps what it is given for tests, `smsmode` sends. `http` is
the one door for those that speak HTTP, `outcomes` the table of what an answer means. A provider is loaded by its entry
point (`relance.providers`) and held to `tests/contract/test_providers.py`, wherever its package comes from.
"""
