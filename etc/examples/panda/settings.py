"""What all programs of this folder share: Panda3D without a window, and waiting."""

import pathlib
import sys
import time

from panda3d.core import loadPrcFileData

FOLDER = pathlib.Path(__file__).resolve().parent
DC_FILES = [str(FOLDER.parent.parent / "park.dc")]

loadPrcFileData(
    "",
    """
    window-type none
    audio-library-name null
    notify-level-distributed warning
    default-directnotify-level warning
    gc-save-all false
    want-garbage-collect-task false
    model-path $MAIN_DIR
    """,
)
# The Python side of park.dc.
sys.path.insert(0, str(FOLDER))


def wait_for(condition, what, seconds=20.0):
    """Runs Panda3D until `condition()` is true, and returns what it was."""
    until = time.monotonic() + seconds
    while True:
        base.taskMgr.step()
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise TimeoutError("nothing came of it in %g s: %s" % (seconds, what))
        time.sleep(0.005)
