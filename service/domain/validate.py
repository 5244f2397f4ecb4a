"""Is a draft fit to be published? All that is wrong with it, at once.

Called by PublishVersion before anything is stored. A draft is any `Version`, however broken: the checks give findings
and never an exception, and their time is bounded by the limits on steps, edges and expressions. Paths are those of the
request (`steps[3].condition_expr`), reasons are stable words, and messages may quote ids and names of the draft.
"""

from itertools import chain

from service.domain.definition import Version
from service.domain.errors import Violation
from service.domain.publish import expressions, fields, structure, triggers
from service.domain.publish.warnings import warnings


def find_problems(draft: Version) -> list[Violation]:
    """What forbids publishing; empty when nothing does."""
    if too_large := list(structure.oversized(draft)):
        return too_large
    found = list(chain(structure.problems(draft), fields.problems(draft), triggers.problems(draft)))
    return found + list(expressions.problems(draft, structure.sound_graph(draft)))


def find_warnings(draft: Version) -> list[Violation]:
    """What does not forbid publishing but may surprise; empty for a draft with problems in its graph."""
    if any(structure.oversized(draft)) or any(structure.problems(draft)):
        return []
    return list(warnings(draft, structure.sound_graph(draft)))
