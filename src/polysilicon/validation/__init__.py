"""Measured cases against the estimators and the rules.

Architecture in one paragraph: `score` is one row of every result (case, quantity, predicted, interval, measured,
error, status, why); `training`, `serving` and `policy` each read a table of cases, call the room in question once for
the whole table, and return scores; `samples` are those of training rows whose unit is a sample; `statistics` says how
far off many scores are and how honest their intervals, `peers` sets other estimators beside them, `fit_record` reads
what the calibration recorded of sources that took part in the fit and of fits without each, `conformal` makes
intervals of the latter's errors, `training_domain` says how far the cases reach. Of training, `training_table` reads
rows, `training_words`, `training_software` and `publishers` say what their words and sources mean, `training_recipes`
and `training_cases` make jobs of them. Of timed `operators`, `operator_cases` reads tables, `operator_rows` and
`operator_messages` say what rows mean (in the words of `operator_readings`), `operator_limits` which of them no chip
can have reached, `operator_times` predicts them. A case that can't be expressed is reported with its reason, never
dropped.
"""
