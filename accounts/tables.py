"""What the tables of all apps have in common.

Look and template are settings of django-tables2. Empty tables are not shown: the page says what is
missing (components/empty.html).
"""

NUMBER = {
    "th": {"class": "number"},
    "td": {"class": "number"},
    "tf": {"class": "number"},
}
