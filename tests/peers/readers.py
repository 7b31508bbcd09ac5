"""Readers on top of python3-pgq, one per kind, that die where they are told.

readers.py KIND POINT:COUNT|- JOBFILE [SWITCHES]

Points: `event`, after the work of an event; `batch`, after all work of a batch and before the batch is finished.
"""
import os
import signal
import sys

import pgq

KIND, FAULT = sys.argv[1:3]
POINT, _, COUNT = FAULT.partition(':')
left = int(COUNT or 0)


def here(point):
    """Dies as a crash would, when this is the place."""
    global left
    if point == POINT:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def store(db, ev):
    db.cursor().execute('insert into done (ev_id, data, reader) values (%s, %s, %s)', (ev.ev_id, ev.ev_data, KIND))
    here('event')


class Local(pgq.Consumer):
    """Works in the queue's database, in the transaction that finishes the batch."""
    def process_event(self, db, ev):
        if ev.ev_type == 'again' and (ev.retry or 0) < 2:
            ev.tag_retry(1)
            return
        store(db, ev)

    def process_batch(self, db, batch_id, events):
        super().process_batch(db, batch_id, events)
        here('batch')


class Remote(pgq.RemoteConsumer):
    """Works in another database, which keeps the last batch."""
    def process_remote_batch(self, db, batch_id, events, dst_db):
        for ev in events:
            if ev.ev_type == 'again' and (ev.retry or 0) < 2 and FAULT == '-':
                ev.tag_retry(1)
                continue
            store(dst_db, ev)

    def process_batch(self, db, batch_id, events):
        super().process_batch(db, batch_id, events)
        here('batch')


class Serial(pgq.SerialConsumer):
    """Works in another database, which keeps the last tick."""
    def process_remote_batch(self, db, batch_id, events, dst_db):
        for ev in events:
            store(dst_db, ev)

    def process_batch(self, db, batch_id, events):
        super().process_batch(db, batch_id, events)
        here('batch')


class Coop(pgq.CoopConsumer):
    """Shares the work with others, in the queue's database."""
    def process_event(self, db, ev):
        if ev.ev_type == 'again' and (ev.retry or 0) < 2:
            ev.tag_retry(1)
            return
        store(db, ev)

    def process_batch(self, db, batch_id, events):
        super().process_batch(db, batch_id, events)
        here('batch')


class File(pgq.LocalConsumer):
    """Writes into a file; another one keeps the last tick."""
    def process_local_event(self, db, batch_id, ev):
        with open(self.cf.get('output'), 'a') as out:
            out.write('%d|%s\n' % (ev.ev_id, ev.ev_data))
        here('event')

    def process_local_batch(self, db, batch_id, events):
        super().process_local_batch(db, batch_id, events)
        here('batch')


args = sys.argv[3:]
if KIND == 'Remote' or KIND == 'Serial':
    globals()[KIND]('reader', 'db', 'dst', args).start()
else:
    globals()[KIND]('reader', 'db', args).start()
