"""Measured values in one unit a kind of measure, so that those of several systems can be compared.

Sources: UN/ECE Recommendation 20, which EPCIS 2.0 has for units (section 7.3.7.3), and UCUM, in which the canonical unit is told.
"""

import math
from fractions import Fraction

_BY_UNIT: dict[str, tuple[tuple[str, str], ...]] = {
    "g": (("GRM", "1"), ("KGM", "1000"), ("MGM", "0.001"), ("MC", "0.000001"), ("TNE", "1000000"), ("LBR", "453.59237"),
          ("ONZ", "28.349523125")),
    "L": (("LTR", "1"), ("MLT", "0.001"), ("CLT", "0.01"), ("DLT", "0.1"), ("HLT", "100"), ("DMQ", "1"), ("CMQ", "0.001"),
          ("MTQ", "1000"), ("4G", "0.000001"), ("GLL", "3.785411784"), ("GLI", "4.54609"), ("OZA", "0.0295735295625")),
    "m": (("MTR", "1"), ("KMT", "1000"), ("CMT", "0.01"), ("MMT", "0.001"), ("4H", "0.000001"), ("C45", "0.000000001"),
          ("INH", "0.0254"), ("FOT", "0.3048"), ("YRD", "0.9144")),
    "s": (("SEC", "1"), ("C26", "0.001"), ("MIN", "60"), ("HUR", "3600"), ("DAY", "86400")),
    "Pa": (("PAL", "1"), ("A97", "100"), ("KPA", "1000"), ("MPA", "1000000"), ("MBR", "100"), ("BAR", "100000"), ("ATM", "101325"),
           ("HN", "133.322387415"), ("PS", "6894.757293168")),
    "m/s": (("MTS", "1"), ("KMH", "5/18")),
    "m/s2": (("MSK", "1"), ("K40", "9.80665")),
    "J": (("JOU", "1"), ("KJO", "1000"), ("WHR", "3600"), ("KWH", "3600000")),
    "W": (("WTT", "1"), ("KWT", "1000")),
    "V": (("VLT", "1"), ("2Z", "0.001")),
    "A": (("AMP", "1"), ("4K", "0.001")),
    "C": (("AMH", "3600"),),
    "Hz": (("HTZ", "1"), ("KHZ", "1000"), ("MHZ", "1000000")),
    "g/L": (("GL", "1"), ("M1", "0.001")),
    "%": (("P1", "1"),),
    "[ppm]": (("59", "1"), ("61", "0.001")),
    "lx": (("LUX", "1"),),
    "deg": (("DD", "1"),),
    "dB": (("2N", "1"),),
    "S": (("SIE", "1"),),
    "N": (("NEW", "1"),),
    "[pH]": (("Q30", "1"),),
    "1": (("C62", "1"), ("H87", "1"), ("EA", "1")),
}  # fmt: skip
_NOTHING = Fraction(0)
_FACTORS = {code: (unit, _NOTHING, Fraction(factor)) for unit, codes in _BY_UNIT.items() for code, factor in codes} | {
    "CEL": ("Cel", _NOTHING, Fraction(1)),
    "KEL": ("Cel", Fraction("-273.15"), Fraction(1)),
    "FAH": ("Cel", Fraction(-32), Fraction(5, 9)),
}
"""Of a code the canonical unit, what is added to a value first, and what it is then multiplied by."""


def canonical(value: float, code: str, difference: bool = False) -> tuple[float, str] | None:
    """`(value, unit in UCUM)` of a value in a unit of UN/ECE Recommendation 20; None where the unit is not known.

    Of a `difference` of two values, such as a standard deviation, nothing is added."""
    found = _FACTORS.get(code)
    if found is None or not math.isfinite(value):
        return None
    unit, added, factor = found
    try:
        return float((Fraction(repr(value)) + (0 if difference else added)) * factor), unit
    except OverflowError:
        return None
