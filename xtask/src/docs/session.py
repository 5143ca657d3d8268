"""Runs the Python blocks of a page one after the other, as one session.

Reads a line of JSON for each block: the page, the line that the block begins at, and the code. Answers each by a line of
its own: a mark, then `yes` or `no`.
"""

import faulthandler
import json
import sys
import traceback

MARK, SECONDS = sys.argv[1], int(sys.argv[2])
names = {"__name__": "__main__"}
for line in sys.stdin:
    page, begin, code = json.loads(line)
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        # Empty lines before it, so that errors name the page's own lines.
        exec(compile("\n" * (begin - 1) + code, page, "exec"), names)
        done = True
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        done = False
    faulthandler.cancel_dump_traceback_later()
    print(f"\n{MARK} {'yes' if done else 'no'}", flush=True)
