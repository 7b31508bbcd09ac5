//! What a reader is handed, whoever asks at the same time.

use std::thread;

use crate::support::{database, install};

/// Two processes of one consumer used to open two batches, of which one was forgotten.
#[test]
fn processes_of_one_consumer_get_one_batch_after_the_other() {
    let db = database("batch_race");
    install(&db);
    db.psql(
        "select pgq.create_queue('q'), pgq.register_consumer('q', 'c');
         create table done (batch int8, tick int8, by int);
         insert into pgq.tick (tick_queue, tick_id, tick_event_seq) select 1, g, 1 from generate_series(2, 401) g;",
    );
    // Each in a transaction of its own: the others wait for the row, which moves meanwhile.
    let work = |process: i32| {
        format!(
            "do $$
             declare
                 b record;
             begin
                 loop
                     select * into b from pgq.next_batch_info('q', 'c');
                     exit when b.batch_id is null;
                     insert into done values (b.batch_id, b.cur_tick_id, {process});
                     if pgq.finish_batch(b.batch_id) <> 1 then
                         raise exception 'batch % was finished by another', b.batch_id;
                     end if;
                     commit;
                 end loop;
             end $$"
        )
    };
    thread::scope(|scope| {
        for process in 0..4 {
            let (db, sql) = (&db, work(process));
            scope.spawn(move || db.psql(&sql));
        }
    });
    assert_eq!(
        db.psql("select count(*), count(distinct batch), count(distinct tick), max(tick) from done"),
        "400|400|400|401"
    );
    assert_eq!(
        db.psql("select last_tick, current_batch from pgq.get_consumer_info('q', 'c')"),
        "401|"
    );
    // An open batch is handed out again, to everybody.
    db.psql("insert into pgq.tick (tick_queue, tick_id, tick_event_seq) values (1, 402, 1)");
    let open = db.psql("select pgq.next_batch('q', 'c')");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(db.psql("select pgq.next_batch('q', 'c')"), open));
        }
    });
}
