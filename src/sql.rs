//! The catalogue of embedded SQL: every query that the programs run is a file under `sql/query/<room>/`, complete and
//! runnable in psql, named here by its stem. A test walks the folder and fails for a file that is not named here.

/// Names the files of one room: a constant per file, and `ALL` with path and text of each.
macro_rules! room {
    ($(#[$doc:meta])* $room:ident { $($name:ident = $stem:literal),* $(,)? }) => {
        $(#[$doc])*
        pub mod $room {
            $(
                #[doc = include_str!(concat!("../sql/query/", stringify!($room), "/", $stem, ".sql"))]
                pub const $name: &str =
                    include_str!(concat!("../sql/query/", stringify!($room), "/", $stem, ".sql"));
            )*
            /// Path below `sql/query/` and text of every query of the room.
            pub const ALL: &[(&str, &str)] = &[
                $((concat!(stringify!($room), "/", $stem, ".sql"), $name)),*
            ];
        }
    };
}

room! {
    /// Row changes on local tables.
    apply {
        LOAD_TARGET = "load_target",
    }
}

room! {
    /// Changes of the tree.
    cascade {
        ADOPT_TICK = "adopt_tick",
        CHANGE_CONSUMER_PROVIDER = "change_consumer_provider",
        CREATE_NODE = "create_node",
        DELETE_PLAN = "delete_plan",
        DEMOTE_ROOT = "demote_root",
        DROP_NODE = "drop_node",
        FIND_RENAME_PLACES = "find_rename_places",
        GLOBAL_ADD_TABLE = "global_add_table",
        GLOBAL_UPDATE_SEQ = "global_update_seq",
        HAS_LONDISTE = "has_londiste",
        HAS_PLAN_TABLE = "has_plan_table",
        HAS_TICK = "has_tick",
        INSERT_PLAN = "insert_plan",
        IS_CLOSED = "is_closed",
        IS_TXID_VISIBLE = "is_txid_visible",
        LIST_EVENT_TABLES = "list_event_tables",
        LIST_OLD_SNAPSHOTS = "list_old_snapshots",
        LIST_PROVIDER_SEQS = "list_provider_seqs",
        LIST_PROVIDER_TABLES = "list_provider_tables",
        LIST_SEQ_VALUES = "list_seq_values",
        LIST_SUBSCRIBERS = "list_subscribers",
        LIST_WRITERS = "list_writers",
        LOAD_IDENTITY = "load_identity",
        LOAD_PLAN = "load_plan",
        LOAD_POSITION = "load_position",
        LOAD_QUEUE_RANGE = "load_queue_range",
        LOAD_SUBSCRIBER = "load_subscriber",
        MOVE_CONSUMER = "move_consumer",
        OPEN_QUEUE = "open_queue",
        PROMOTE_BRANCH = "promote_branch",
        RAISE_SEQS = "raise_seqs",
        REGISTER_CONSUMER_AT = "register_consumer_at",
        REGISTER_LOCATION = "register_location",
        REGISTER_SUBSCRIBER = "register_subscriber",
        RENAME_COPY_RUN = "rename_copy_run",
        RENAME_DETACHED = "rename_detached",
        RENAME_PROVIDER = "rename_provider",
        RENAME_SELF = "rename_self",
        RENAME_STREAM = "rename_stream",
        RENAME_SUBSCRIBER = "rename_subscriber",
        SAVE_PLAN = "save_plan",
        SET_CONSUMER_PAUSED = "set_consumer_paused",
        SET_NODE_ATTRS = "set_node_attrs",
        TAG_NODE = "tag_node",
        TAKE_PLAN = "take_plan",
        TAKE_PLAN_LOCK = "take_plan_lock",
        TAKE_TXID = "take_txid",
        TELL_TICK = "tell_tick",
        UNREGISTER_CONSUMER = "unregister_consumer",
        UNREGISTER_LOCATION = "unregister_location",
        UNREGISTER_SUBSCRIBER = "unregister_subscriber",
        WAKE_WORKER = "wake_worker",
    }
}

room! {
    /// Programs that read a queue.
    client {
        DELETE_MARKS = "delete_marks",
        LIST_MARKED_BATCHES = "list_marked_batches",
        LOAD_ABILITIES = "load_abilities",
        LOAD_BATCH = "load_batch",
        LOAD_KEEPER_ABILITIES = "load_keeper_abilities",
        LOAD_MARKS = "load_marks",
        NEXT_MEMBER_BATCH = "next_member_batch",
        STORE_MARK = "store_mark",
    }
}

room! {
    /// Comparing rows.
    compare {
        FIND_COVERING_TICK = "find_covering_tick",
        LOAD_DIGEST_FACTS = "load_digest_facts",
        TAKE_SNAPSHOT = "take_snapshot",
    }
}

room! {
    /// The first copy of a table.
    copy {
        CAN_KEEP_RUNS = "can_keep_runs",
        FIND_CONSUMER = "find_consumer",
        FIND_EVENT_TABLE = "find_event_table",
        FIND_RUN = "find_run",
        FINISH_RANGE = "finish_range",
        FORGET_RUN = "forget_run",
        FORGET_VOID_RUNS = "forget_void_runs",
        HAS_MERGED_ROWS = "has_merged_rows",
        HAS_SIBLINGS = "has_siblings",
        HOLD_RUN = "hold_run",
        INSERT_OBJECT = "insert_object",
        INSERT_RANGES = "insert_ranges",
        INSERT_RUN = "insert_run",
        LIST_COLUMNS = "list_columns",
        LIST_OBJECTS = "list_objects",
        LIST_PIECES = "list_pieces",
        LIST_RANGES = "list_ranges",
        LOAD_SOURCE_TABLE = "load_source_table",
        RESUME_RUN = "resume_run",
        UNIFY_RUN = "unify_run",
    }
}

room! {
    /// Replicated scripts.
    execute {
        LOCAL_DESTINATION = "local_destination",
        OBJECT_EXISTS = "object_exists",
        SET_ROLE = "set_role",
    }
}

room! {
    /// The database side itself.
    install {
        DROP_FUNCTIONS_SQL = "drop_functions_sql",
        LOAD_COMPONENTS = "load_components",
        LOAD_VERSIONS = "load_versions",
        LOCK_INSTALL = "lock_install",
        MARK_COMPONENT = "mark_component",
    }
}

room! {
    /// Numbers for monitoring.
    metrics {
        LOAD_CONSUMERS = "load_consumers",
        LOAD_QUEUES = "load_queues",
    }
}

room! {
    /// One node: what it is and knows.
    node {
        COUNT_PARKED = "count_parked",
        COUNT_TABLES = "count_tables",
        LIST_CONSUMER_TICKS = "list_consumer_ticks",
        LIST_CONSUMERS = "list_consumers",
        LIST_MEMBERS = "list_members",
        LIST_SUBSCRIBERS = "list_subscribers",
        LOAD_CONSUMER_STATE = "load_consumer_state",
        LOAD_INFO = "load_info",
        LOAD_TICKER = "load_ticker",
        LOAD_VERSIONS = "load_versions",
        LOAD_WORKER = "load_worker",
        LOAD_WORKER_RECORD = "load_worker_record",
    }
}

room! {
    /// Events that were put aside.
    parked {
        ADD_DRIFT = "add_drift",
        DELETE_EVENT = "delete_event",
        DETECT = "detect",
        FAIL_AGAIN = "fail_again",
        FORGET_TABLE = "forget_table",
        LIST_PARKED = "list_parked",
        LIST_TABLES = "list_tables",
        LOAD_POLICIES = "load_policies",
        LOAD_ROWS = "load_rows",
        PARK_EVENT = "park_event",
        REMOVE_POLICY = "remove_policy",
        SET_POLICY = "set_policy",
    }
}

room! {
    /// Table structure.
    pg {
        HAS_SCHEMA = "has_schema",
        LIST_RELATION_NAMES = "list_relation_names",
        LIST_ROLES = "list_roles",
        LIST_USER_TABLES = "list_user_tables",
        LOAD_COLUMNS = "load_columns",
        LOAD_CONSTRAINTS = "load_constraints",
        LOAD_GRANTS = "load_grants",
        LOAD_INDEXES = "load_indexes",
        LOAD_OWNED_SEQUENCES = "load_owned_sequences",
        LOAD_PARENTS = "load_parents",
        LOAD_RELATION = "load_relation",
        LOAD_RULES = "load_rules",
        LOAD_SEQUENCE = "load_sequence",
        LOAD_TRIGGERS = "load_triggers",
        PIN_SEARCH_PATH = "pin_search_path",
    }
}

room! {
    /// The queue, seen from a client.
    pgq {
        BATCH_SQL = "batch_sql",
        HAS_DETACHED = "has_detached",
        LIST_TICKS = "list_ticks",
        LOAD_TICK = "load_tick",
        MAKE_TICK = "make_tick",
        NEXT_BATCH = "next_batch",
    }
}

room! {
    /// Queues, their readers, limits, retry and dead events.
    queue {
        ATTACH_CONSUMER = "attach_consumer",
        CHECK_TXIDS = "check_txids",
        DELETE_DEAD_EVENT = "delete_dead_event",
        DETACH_CONSUMER = "detach_consumer",
        FIND_NODE = "find_node",
        FIND_SUBSCRIBER = "find_subscriber",
        FIND_TICK_RANGE = "find_tick_range",
        FORGET_DETACHED = "forget_detached",
        FORGET_QUEUE = "forget_queue",
        HAS_QUEUE_SCHEMA = "has_queue_schema",
        LIST_CONSUMERS = "list_consumers",
        LIST_DEAD_EVENTS = "list_dead_events",
        LIST_DETACHED = "list_detached",
        LIST_LIMITS = "list_limits",
        LIST_NAMES = "list_names",
        LIST_QUEUES = "list_queues",
        LIST_RETRY_EVENTS = "list_retry_events",
        MAY_CHECK_TXIDS = "may_check_txids",
        REMOVE_LIMIT = "remove_limit",
        REPAIR_TXIDS = "repair_txids",
        REVIVE_EVENT = "revive_event",
        SET_LIMIT = "set_limit",
    }
}

room! {
    /// A former root that comes back.
    resurrect {
        DEMOTE = "demote",
        FIND_EVENT_TABLE = "find_event_table",
        FIND_GRAVESTONE = "find_gravestone",
        FORGET_CONSUMER = "forget_consumer",
        LIST_COPIES_FROM = "list_copies_from",
        LIST_READERS = "list_readers",
        LIST_SUBSCRIBER_WORKERS = "list_subscriber_workers",
        LIST_TABLES = "list_tables",
        LIST_TICKS = "list_ticks",
        LOAD_CAPTURED = "load_captured",
    }
}

room! {
    /// Replicated tables.
    table {
        CAPTURE_REFRESH = "capture_refresh",
        CAPTURE_STATE = "capture_state",
        FIND_WORKER = "find_worker",
        FORGET_TABLE_STATE = "forget_table_state",
        GLOBAL_REMOVE_SEQ = "global_remove_seq",
        GLOBAL_REMOVE_TABLE = "global_remove_table",
        HAS_CAPTURE = "has_capture",
        HOLD_DROPPED_DDL = "hold_dropped_ddl",
        LIST_FOREIGN_KEYS = "list_foreign_keys",
        LIST_MISSING = "list_missing",
        LIST_SEQUENCES = "list_sequences",
        LIST_TABLES = "list_tables",
        LOAD_TABLES = "load_tables",
        LOCAL_ADD_SEQ = "local_add_seq",
        LOCAL_ADD_TABLE = "local_add_table",
        LOCAL_REMOVE_SEQ = "local_remove_seq",
        LOCAL_REMOVE_TABLE = "local_remove_table",
        LOCAL_SET_TABLE_ATTRS = "local_set_table_attrs",
        STORE_STATE = "store_state",
        UNREAD_REMOVALS_SQL = "unread_removals_sql",
        WAKE_WORKERS = "wake_workers",
    }
}

room! {
    /// The ticker.
    ticker {
        CALL_TICKER = "call_ticker",
        CHECK_LIMITS = "check_limits",
        CURRENT_DATABASE = "current_database",
        FIND_DATABASES = "find_databases",
        FIND_HORIZON = "find_horizon",
        FIND_LIMITS = "find_limits",
        FIND_PGQ = "find_pgq",
        FIND_QUEUE_VERSIONS = "find_queue_versions",
        FIND_TICKER = "find_ticker",
        FIND_UNREAD = "find_unread",
        FIND_VERSION = "find_version",
        LEAVE_PLACE = "leave_place",
        LOAD_MAINT_OPERATIONS = "load_maint_operations",
        LOAD_QUEUES = "load_queues",
        MAKE_TICKS = "make_ticks",
        MOVE_RETRY_EVENTS = "move_retry_events",
        TAKE_MARK = "take_mark",
        TAKE_PLACE = "take_place",
        WATCH_SEQUENCES = "watch_sequences",
        WATCH_WAL = "watch_wal",
    }
}

room! {
    /// A node's worker.
    worker {
        COMPARE_TICKS = "compare_ticks",
        CUT_QUEUE = "cut_queue",
        FIND_COMBINED = "find_combined",
        FIND_EVENT_TABLE = "find_event_table",
        FORGET_TRAIL = "forget_trail",
        INSERT_EVENTS = "insert_events",
        IS_COMBINED_OPEN = "is_combined_open",
        LIST_AVAILABLE_TABLES = "list_available_tables",
        LIST_KNOWN_TICKS = "list_known_ticks",
        LIST_STRAY_COPIES = "list_stray_copies",
        LIST_TOUCHED_TABLES = "list_touched_tables",
        LOAD_NODE = "load_node",
        LOAD_STORED_TICK = "load_stored_tick",
        LOAD_TOP = "load_top",
        LOCK_POSITION = "lock_position",
        MAKE_TICK = "make_tick",
        MARK_REPLAY = "mark_replay",
        MARK_RETRYING = "mark_retrying",
        MAY_RECORD = "may_record",
        RECORD_WORKER = "record_worker",
        SAME_STREAM = "same_stream",
        SET_COMPLETED = "set_completed",
        STORE_PARTITION_POSITION = "store_partition_position",
        STORE_STREAM_POSITION = "store_stream_position",
        TAKE_WORKER_LOCK = "take_worker_lock",
    }
}

/// Every query of the product: path below `sql/query/` and text.
pub fn all() -> Vec<(&'static str, &'static str)> {
    [
        apply::ALL,     //
        cascade::ALL,   //
        client::ALL,    //
        compare::ALL,   //
        copy::ALL,      //
        execute::ALL,   //
        install::ALL,   //
        metrics::ALL,   //
        node::ALL,      //
        parked::ALL,    //
        pg::ALL,        //
        pgq::ALL,       //
        queue::ALL,     //
        resurrect::ALL, //
        table::ALL,     //
        ticker::ALL,    //
        worker::ALL,    //
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_query_file_is_in_the_catalogue() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/query");
        let mut files = BTreeSet::new();
        for room in std::fs::read_dir(&root).unwrap() {
            let room = room.unwrap().path();
            for file in std::fs::read_dir(&room).unwrap() {
                let file = file.unwrap().path();
                files.insert(file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
        let named: BTreeSet<String> = super::all()
            .into_iter()
            .map(|(path, _)| path.to_owned())
            .collect();
        assert_eq!(
            files, named,
            "left: files under sql/query; right: names in src/sql.rs"
        );
    }

    #[test]
    fn every_query_has_a_header() {
        for (path, text) in super::all() {
            assert!(text.starts_with("-- "), "{path} has no header comment");
        }
    }
}
