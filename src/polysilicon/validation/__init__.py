"""Measured cases against the estimators and the rules.

Architecture in one paragraph: `score` is one row of every result (case, quantity, predicted, interval,
measured, error, status, why) and its summaries; `training`, `serving` and `policy` each read a table of cases,
call the room in question once for the whole table, and return scores. A case that can't be expressed is
reported with its reason, never dropped.
"""
