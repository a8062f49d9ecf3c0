"""What a server needs below HTTP: the queue of jobs, the workers that run them, and who listens to their events.

records.py      what goes in and out: Limits, Receipt, Job, Attempt, Claim, Output, Asset, Entry
migrations.py   the shape of the database
ledger.py       one transaction
store.py        the thread that owns the connection, and its Answers
jobs.py         the clients' side of the queue: start reading here
attempts.py     the workers' side
"""
