"""Reads files of JUnit's XML with junitparser, and prints what it counts."""

import json
import sys

from junitparser import Error, Failure, JUnitXml, Skipped

for name in sys.argv[1:]:
    suites = list(JUnitXml.fromfile(name))
    cases = [case for suite in suites for case in suite]
    results = [result for case in cases for result in case.result]
    count = lambda kind: sum(isinstance(result, kind) for result in results)
    told = lambda attribute: sum(getattr(suite, attribute) or 0 for suite in suites)
    # What a suite says of itself is what is in it.
    assert told("tests") == len(cases), name
    assert told("failures") == count(Failure), name
    assert told("errors") == count(Error), name
    print(json.dumps([len(cases), count(Failure), count(Error), count(Skipped)]))
