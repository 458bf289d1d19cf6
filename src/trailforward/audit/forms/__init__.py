"""The forms of an audit's report: one module for each, and what they have in common.

``summary`` has the sentences and signs, ``tally`` the sums, ``advice`` what to do about each class.
"""
