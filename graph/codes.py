"""Relations as small numbers, for tables and arrays: the code also holds the role of a subject, and whether an end is a person.

The codes that a walk follows lie next to each other, and so do those of `SUBJECT_OF`: each is one range of an index.
`SAME_AS` is held from both ends, the second time reversed.
"""

from graph.claims import Edge

CODES: dict[str, tuple[int, ...]] = {
    "INPUT_TO": (1, 2),
    "SAME_AS": (3, 4),
    "OUTPUT": (5, 6),
    "SUBJECT_OF": (7, 8, 9),
    "PERFORMED_BY": (10,),
    "AT": (11,),
    "FROM": (12,),
    "TO": (13,),
    "CARRIED_BY": (14,),
    "PART_OF": (15,),
    "FOR_EPISODE": (16,),
    "ABOUT": (17,),
    "GOVERNED_BY": (18,),
}
TYPES = {code: name for name, codes in CODES.items() for code in codes}
FROM_PERSON, TO_PERSON = 1, 6
SAME_AS, SAME_AS_REVERSED = CODES["SAME_AS"]
WALKED = {"up": (FROM_PERSON, TO_PERSON - 1), "down": (FROM_PERSON + 1, TO_PERSON)}
"""The codes that a walk follows, first and last: a person ends it, so what comes into (up) or out of one is not followed."""
ACTS = (7, 9)
"""The codes of `SUBJECT_OF`, first and last."""
ROLES = {8: "content", 9: "container"}
_CODE_OF_ROLE = {None: 7, "content": 8, "container": 9}
_CODE_OF_TYPE = {name: codes[0] for name, codes in CODES.items()} | {"INPUT_TO": FROM_PERSON + 1}


def code_of(edge: Edge) -> int:
    """The code under which an edge is stored (for `SAME_AS`, from the end that states it)."""
    type_, source, target, _, role, _, _ = edge
    if type_ == "SUBJECT_OF":
        return _CODE_OF_ROLE[role]
    if type_ == "INPUT_TO" and source.startswith("person-"):
        return FROM_PERSON
    if type_ == "OUTPUT" and target.startswith("person-"):
        return TO_PERSON
    return _CODE_OF_TYPE[type_]
