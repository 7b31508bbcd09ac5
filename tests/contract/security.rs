//! Rights: functions that run with their owner's rights cannot be led elsewhere, and everybody may call no more than is
//! written down.

use crate::support::{Database, database, install};

/// Definer's rights without a search_path of their own: the clause costs a fifth of the rate of small transactions or
/// more, so these and what they call name everything with its schema (traps.rs proves it).
const UNPINNED: &[&str] = &[
    "pgq.insert_event(text,text,text,text,text,text,text)",
    "pgq.jsontriga()",
    "pgq.logutriga()",
    "pgq.sqltriga()",
];

/// What everybody may execute: what the ancestor gives to everybody, unless a line says otherwise.
const PUBLIC: &[&str] = &[
    "londiste.find_column_types(text)",
    "londiste.find_rel_oid(text,text)",
    "londiste.find_seq_oid(text)",
    "londiste.find_table_fkeys(text)",
    "londiste.find_table_oid(text)",
    "londiste.is_replica_func(oid)",
    "londiste.make_fqname(text)",
    "londiste.quote_fqname(text)",
    "londiste.split_fqname(text)",
    "londiste.version()",
    // What public.logtriga calls with its caller's rights: it turns a row that it is given into text.
    "londiste_rs._change_sql(text,oid,text,anyelement,anyelement)",
    // What londiste.is_replica_func calls with its caller's rights.
    "londiste_rs.is_capture(oid)",
    // What pgq.get_queue_info calls with its caller's rights.
    "pgq._event_seq_pos(text)",
    // What a writer's events pass through; it tells one setting's meaning.
    "pgq._may_replay()",
    // These again are the ancestor's.
    "pgq.get_consumer_info()",
    "pgq.get_consumer_info(text)",
    "pgq.get_consumer_info(text,text)",
    "pgq.get_queue_info()",
    "pgq.get_queue_info(text)",
    "pgq.quote_fqname(text)",
    "pgq.seq_getval(text)",
    "pgq.version()",
    // Versions are no secret.
    "pgq_coop.version()",
    "pgq_ext.version()",
    "pgq_node.is_leaf_node(text)",
    "pgq_node.is_root_node(text)",
    "pgq_node.version()",
];

/// Functions of our schemas that satisfy `condition`, by name.
fn functions(condition: &str) -> Vec<String> {
    let db = database("security");
    install(&db);
    let answer = db.psql(&format!(
        "select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
          where n.nspname ~ '^(pgq|londiste)' and {condition} order by p.oid::regprocedure::text collate \"C\""
    ));
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn definers_pin_the_search_path() {
    let unpinned =
        functions("prosecdef and not 'search_path=pg_catalog, pg_temp' = any (coalesce(proconfig, '{}'))");
    assert_eq!(
        unpinned, UNPINNED,
        "left: installed; right: allowed, with a reason"
    );
}

#[test]
fn everybody_may_call_only_what_is_written_down() {
    let public = functions(
        "exists (select 1 from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)",
    );
    assert_eq!(public, PUBLIC, "left: installed; right: documented");
}

/// A queue that is in use, a node on it, and what an injected statement would call.
const SETUP: &str = "
    select pgq.create_queue('q'), pgq.register_consumer('q', 'c');
    select pgq.insert_event('q', 'a', 'b');
    update pgq.queue set queue_ticker_max_count = 1;
    select pgq.ticker(), pgq.next_batch('q', 'c');
    select pgq_node.register_location('q', 'q', 'dbname=q', false);
    select pgq_node.create_node('q', 'root', 'q', 'q', null, null, null);
    create table public.t (id int primary key);
    create table public.said (called text, state text, message text);
    grant insert on public.said to public;
    create function public.canary() returns text language plpgsql as
        $$ begin raise exception 'injected, as %', current_user; end $$;";

/// A call of every function that everybody or a role may call, by that role: as `role|call`, with `VALUES` of the
/// given kind as arguments.
fn calls(db: &Database, condition: &str, text: &str, first: &str) -> Vec<String> {
    let sql = format!(
        "select case when a.grantee = 0 then 'pgq_reader' else a.grantee::regrole::text end || '|'
                || format('%I.%I(', n.nspname, p.proname) || coalesce((
                    select string_agg(
                        case when k.typname in ('text', 'anyelement') and t.pos = 1 then {first}
                             when k.typname in ('text', 'anyelement') then {text}
                             when k.typname = '_text' then 'array[' || {text} || ']'
                             when k.typname in ('int2', 'int4', 'int8') then '1'
                             when k.typname = 'bool' then 'true'
                             when k.typname in ('oid', 'regclass') then quote_literal('public.t'::regclass::oid)
                             when k.typname = 'timestamptz' then quote_literal('2024-01-01')
                             when k.typname = 'interval' then quote_literal('0')
                             else 'null' end
                        || '::' || case when k.typname = 'anyelement' then 'pg_catalog.text'
                                        else format('%I.%I', m.nspname, k.typname) end, ', ' order by t.pos)
                      from unnest(p.proargtypes) with ordinality t (oid, pos)
                      join pg_type k on k.oid = t.oid
                      join pg_namespace m on m.oid = k.typnamespace), '') || ')'
           from pg_proc p
           join pg_namespace n on n.oid = p.pronamespace
          cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
          where n.nspname ~ '^(pgq|londiste)' and p.prorettype <> 'trigger'::regtype and a.grantee <> p.proowner
            and {condition}
          order by 1"
    );
    db.psql(&sql).lines().map(str::to_owned).collect()
}

/// Runs each call by itself and undone, and tells what it ended with.
fn attack(db: &Database, calls: &[String], path: &str) {
    let mut sql = format!("set search_path = {path};\n");
    for call in calls {
        let (role, call) = call.split_once('|').expect("role and call");
        sql += &format!(
            "set role {role};
             do $attack$ begin perform {call}; raise exception 'done';
             exception when others then insert into public.said values ($call${call}$call$, sqlstate, sqlerrm);
             end $attack$;\n"
        );
    }
    db.psql(&sql);
}

/// Every function that somebody may call is called by him, with traps before the server's own functions, operators and
/// types, and with texts that end a literal or a name: nothing of it ever runs with the owner's rights.
#[test]
fn attacks_on_every_function_that_may_be_called() {
    let db = database("security_attack");
    install(&db);
    db.psql(SETUP);
    db.psql(include_str!("traps.sql"));
    let literal = |text: &str| format!("quote_literal($x${text}$x$)");
    let texts = [
        literal("q"),
        literal("x' || public.canary() || '"),
        literal("x\"; select public.canary(); --"),
        literal("t; select public.canary(); --"),
        literal("public.t') , (public.canary()) --"),
        "'null'".to_owned(),
    ];
    let mut count = 0;
    for text in &texts {
        for first in [text, &texts[0]] {
            let calls = calls(&db, "true", text, first);
            count += calls.len();
            attack(&db, &calls, "traps, pg_catalog, pg_temp");
            attack(&db, &calls, "pg_catalog, pg_temp");
        }
    }
    assert_eq!(
        db.psql("select count(*) from public.said"),
        (count * 2).to_string()
    );
    let caught = db.psql(
        "select distinct state, message, called from public.said
          where message ~ '(trapped: .* as|injected, as) postgres'
             -- these take SQL, and run it with the rights of the caller and of pgq_writer
             or state = '42601' and called ~ 'canary' and called !~ '^pgq.(get_batch_cursor|_trigger_expr)'
          order by called",
    );
    assert_eq!(caught, "", "what an attacker can do with the owner's rights");
}

/// A role that is a member of pgq_writer alone puts events into queues. Of the queue it changes and reads nothing else.
#[test]
fn writers_can_do_nothing_but_insert_events() {
    let db = database("security_writer");
    install(&db);
    db.psql(SETUP);
    let callable = "a.grantee in (0, 'pgq_writer'::regrole) and n.nspname = 'pgq'";
    let state = "select md5(string_agg(line, '|' order by line)) from (
        select 'q' || q::text from pgq.queue q union all select 't' || t::text from pgq.tick t
        union all select 's' || s::text from pgq.subscription s union all select 'c' || c::text from pgq.consumer c
        union all select 'r' || r::text from pgq.retry_queue r) s (line)";
    let before = db.psql(state);
    let mut inserted = 0;
    for call in calls(&db, callable, "quote_literal('q')", "quote_literal('q')") {
        let (_, call) = call.split_once('|').expect("role and call");
        // Not undone this time; some say no.
        let done = db.try_psql(&format!("set role pgq_writer; select {call}"));
        inserted += u32::from(done.is_ok() && call.contains("insert_event"));
    }
    assert_eq!(inserted, 2);
    assert_eq!(db.psql(state), before);
    assert_eq!(db.psql("select count(*) from pgq.event_template"), "3");
    for refused in [
        "select * from pgq.event_template",
        "select * from pgq.event_1",
        "select * from pgq.retry_queue",
        "insert into pgq.event_1_0 (ev_id, ev_time) values (1, now())",
        "update pgq.event_1_0 set ev_data = ''",
        "delete from pgq.event_1_0",
        "truncate pgq.event_1_0",
        "copy pgq.event_1_0 to stdout",
        "select nextval('pgq.event_1_id_seq')",
        "select setval('pgq.event_1_id_seq', 1)",
        "insert into pgq.tick (tick_queue, tick_id, tick_event_seq) values (1, 99, 99)",
        "update pgq.queue set queue_disable_insert = false",
        "update pgq.subscription set sub_last_tick = 1",
        "delete from pgq.consumer",
        "select pgq.insert_event_raw('q', 1, now(), 1, 1, 'a', 'b', null, null, null, null)",
        "select pgq.next_batch('q', 'c')",
        "select pgq.get_batch_events(1)",
        "select pgq.finish_batch(1)",
        "select pgq.register_consumer('q', 'x')",
        "select pgq.event_retry(1, 1, 1)",
        "select pgq.ticker('q')",
        "select pgq.force_tick('q')",
        "select pgq.create_queue('x')",
        "select pgq.drop_queue('q', true)",
        "select pgq.set_queue_config('q', 'ticker_paused', 'true')",
        "select pgq.maint_rotate_tables_step1('q')",
        "select pgq.maint_retry_events()",
        "select londiste_rs.repair_txids('q')",
        "select londiste_rs.detach_consumer('q', 'c', '', null)",
        "select pgq_node.drop_node('q', 'q')",
        "create table pgq.mine (id int)",
        "create function pgq.mine() returns int language sql as 'select 1'",
        "set session_replication_role = replica",
    ] {
        let error = db
            .try_psql(&format!("set role pgq_writer; {refused}"))
            .expect_err(refused);
        assert!(error.contains("permission denied"), "{refused}: {error}");
    }
    assert_eq!(db.psql(state), before);
}
