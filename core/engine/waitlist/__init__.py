"""The waiting list at work: times become free, are offered to one person after the other, and are taken.

    choosing    how a connection's free times are offered
    freeing     what frees a slot, and what takes it back
    offering    who is asked next, until somebody says yes
    answers     what people answer to an offer
    joining     people come onto the list, and leave it
    writing     who took a slot is put into the platform's calendar
    telling     what people are written
    board       what people of the house see
    shown       how all of it looks from outside
"""

from __future__ import annotations
