"""What a server needs below HTTP: the queue of jobs, the workers that run them, and who listens to their events.

The queue, on disk:
    records.py      what goes in and out: Limits, Receipt, Job, Attempt, Claim, Output, Asset, Entry
    migrations.py   the shape of the database
    ledger.py       one transaction
    store.py        the thread that owns the connection, and its Answers
    jobs.py         the clients' side of the queue: start reading here
    attempts.py     the workers' side
The workers, a process for each device:
    supervisor.py   claims jobs, sends them to workers, records what they say
    handle.py       a worker as the server holds it
    worker.py       the process itself
    mouth.py, frames.py     what it says, and how that travels
    staging.py      the files of an attempt, until they have their names
    process.py, wording.py, failpoints.py
And beside them:
    hub.py          events to many listeners
    uploads.py, shelf.py     pictures that clients sent, a front end's small files
    library.py, history.py   workflows on disk, and what they were before
"""
