"""Writers of a recording in processes of their own, which start at once.

Their parent is a server that has imported the library. They inherit nothing, such as a lock, from a test's process.
"""

import multiprocessing
import time

import progress_measures as pm

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
KINDS = ("Recorder", "track")
STEPS = range(4)


def written(kind, path):
    """Writes four steps in a process; returns the message of its error, or nothing."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_tell, args=(sender, kind, path))
    process.start()
    assert receiver.poll(120)
    said = receiver.recv()
    process.join()
    assert process.exitcode == 0
    return said


def started(kind, path):
    """A process that does the same and is stopped in the middle of the third step."""
    halfway = PROCESSES.Event()
    process = PROCESSES.Process(target=_write, args=(kind, path, halfway))
    process.start()
    assert halfway.wait(120)
    return process


def _tell(sender, kind, path):
    try:
        _write(kind, path)
    except RuntimeError as error:
        sender.send(str(error))
    else:
        sender.send("")


def _write(kind, path, halfway=None):
    def number(x):
        if halfway is not None and x >= 2:
            halfway.set()
            time.sleep(300)
        return x

    measures = {"x": number, "v": lambda x: [x, -x]}
    if kind == "Recorder":
        recorder = pm.Recorder(measures, every=1, path=path)
        for step in STEPS:
            recorder(step, float(step))
    else:
        pm.track([(step, float(step)) for step in STEPS], measures, resume=path)
