//! Maintenance and retry events.

use nix::sys::signal::Signal;

use super::{LIMIT, Pgqd, install_extension, install_ours, newest_tick, wait_for_tick_over};
use crate::support::wait::wait_for;
use crate::support::{Database, database};

#[test]
fn tables_rotate_and_other_operations_survive_a_broken_one() {
    for install in [install_ours as fn(&Database), install_extension] {
        let db = database("upkeep_rotate");
        install(&db);
        db.psql(
            "select pgq.create_queue('q');
             select pgq.set_queue_config('q', 'rotation_period', '0.2 seconds');
             create table called (what text);
             create function public.broken(q text) returns int language plpgsql as
                 $$ begin raise exception 'broken on purpose'; end $$;
             create function public.fine(q text) returns int language plpgsql as
                 $$ begin insert into called values (q); return (select count(*) < 3 from called)::int; end $$;
             update pgq.queue set queue_extra_maint = '{public.broken,public.fine}';",
        );
        let pgqd = Pgqd::start(&db, "stats_period = 0");
        wait_for("two rotations", LIMIT, || {
            // Rotation needs to see that transactions have gone on.
            db.psql("select txid_current()");
            (db.psql("select queue_cur_table from pgq.queue") == "2").then_some(())
        });
        // It asked to be called again twice, within one round.
        assert!(db.psql("select count(*) from called").parse::<u32>().unwrap() >= 3);
        pgqd.wait_for_lines("broken on purpose", 1);
        let lines = pgqd.lines();
        let told: Vec<_> = lines.iter().filter(|line| line.starts_with("ERROR")).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(
            told[0].starts_with(&format!(
                "ERROR {}: public.broken(q): broken on purpose",
                db.name()
            )),
            "{told:#?}"
        );
        assert_eq!(pgqd.end(Signal::SIGINT), 0);
    }
}

#[test]
fn vacuum_is_a_statement_and_no_error() {
    let db = database("upkeep_vacuum");
    db.psql(
        "create schema pgq;
         create table pgq.queue (queue_id int, queue_name text, queue_event_seq text, queue_tick_seq text,
             queue_ticker_max_count int, queue_ticker_max_lag interval, queue_ticker_idle_period interval,
             queue_external_ticker bool, queue_ticker_paused bool);
         create table pgq.tick (tick_queue int, tick_id int8, tick_time timestamptz, tick_snapshot txid_snapshot,
             tick_event_seq int8);
         create table pgq.subscription (sub_queue int, sub_last_tick int8, sub_next_tick int8);
         create table public.\"Dusty\" (a int);
         create function pgq.version() returns text language sql as $$ select '3.5'::text $$;
         create function pgq.ticker(q text) returns int8 language sql as $$ select null::int8 $$;
         create function pgq.maint_retry_events() returns int language sql as $$ select 0 $$;
         create function pgq.maint_operations(out func_name text, out func_arg text) returns setof record
             language sql as $$ values ('vacuum', 'public.Dusty'), ('vacuum analyze', 'Dusty') $$;",
    );
    let pgqd = Pgqd::start(&db, "stats_period = 0");
    wait_for("the vacuum", LIMIT, || {
        let counts = db.psql(
            "select vacuum_count > 0 and analyze_count > 0 from pg_stat_user_tables where relname = 'Dusty'",
        );
        (counts == "t").then_some(())
    });
    assert_eq!(pgqd.log().matches("ERROR").count(), 0);
}

#[test]
fn retry_events_come_back() {
    for install in [install_ours as fn(&Database), install_extension] {
        let db = database("upkeep_retry");
        install(&db);
        db.psql("select pgq.create_queue('q'); select pgq.register_consumer('q', 'c')");
        let pgqd = Pgqd::start(&db, "");
        // More than one call of the function moves.
        db.psql("select pgq.insert_event('q', 't', i::text) from generate_series(1, 25) i");
        wait_for_tick_over(&db, "q");
        let moved = db.psql(
            "do $$
             declare batch int8; moved int = 0;
             begin
                 while moved < 25 loop
                     batch := pgq.next_batch('q', 'c');
                     exit when batch is null;
                     perform pgq.event_retry(batch, ev_id, 0) from pgq.get_batch_events(batch);
                     moved := moved + (select count(*) from pgq.get_batch_events(batch));
                     perform pgq.finish_batch(batch);
                 end loop;
             end $$;
             select count(*) from pgq.retry_queue",
        );
        assert!(moved == "25" || moved == "0", "{moved}");
        wait_for("the retried events in the queue", LIMIT, || {
            let back = db.psql("select count(*) from pgq.event_1 where ev_retry = 1");
            (back == "25").then_some(())
        });
        wait_for_tick_over(&db, "q");
        assert!(newest_tick(&db, "q") > 2);
        let retried = || -> u32 {
            let counts = pgqd.lines().into_iter().filter_map(|line| {
                let (_, count) = line.strip_suffix('}')?.split_once("retry: ")?;
                count.parse::<u32>().ok()
            });
            counts.sum()
        };
        wait_for("the retried events in the statistics", LIMIT, || {
            (retried() >= 25).then_some(())
        });
        assert_eq!(retried(), 25);
        assert_eq!(pgqd.end(Signal::SIGINT), 0);
    }
}
