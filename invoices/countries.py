"""The countries of ISO 3166, with their names in English."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# Where the time zone database is short, documents are not.
NAMES = {
    "BL": "Saint Barthélemy",
    "BQ": "Caribbean Netherlands",
    "CD": "Democratic Republic of the Congo",
    "CF": "Central African Republic",
    "CG": "Republic of the Congo",
    "CW": "Curaçao",
    "GB": "United Kingdom",
    "KP": "North Korea",
    "KR": "South Korea",
    "SZ": "Eswatini",
    "TC": "Turks & Caicos Islands",
    "TF": "French Southern Territories",
    "VC": "Saint Vincent & the Grenadines",
}


@cache
def list_countries() -> Mapping[str, str]:
    """Return the names of all countries by their codes of two letters, in order of the names."""
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    names = {code: NAMES.get(code, name) for code, name in rows}
    return dict(sorted(names.items(), key=lambda pair: pair[1].casefold()))
