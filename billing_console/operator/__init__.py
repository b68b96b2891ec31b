"""The pages of those who run the installation, below ``/operator/``.

A part of the console that has such pages keeps them with its others: a view with `operator_view`
and its permission in `OPERATOR_ACCESS` (accounts/access.py), an entry in `OPERATOR_MENU`
(accounts/menu.py), an address below ``operator/``, and reads ``using("operator")``.
"""
