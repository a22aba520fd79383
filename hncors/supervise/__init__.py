"""Supervision: what is found about stations, the cases that come of it, and the register of filed stations.

Pure like the rest of the core: values in, values out.  The ledger's file is the daemon's
(hncors.daemon.ledger). Nothing here says "illegal": a rule yields a lead, leads make a suspicion, and a
person confirms in the field.
"""
