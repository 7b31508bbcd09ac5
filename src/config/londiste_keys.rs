//! Every key of section `[londiste]`: name, type, default, meaning.

use crate::config::key::{Effect, Key, KeyGroup, KeyType};

const NO_RETRY_HELPER: &str = "statements of one transaction are never repeated behind its back";
const NO_SKYLOG: &str =
    "log settings files (skylog.ini) are not read; the log goes to logfile and to standard error";
const ONE_STREAM: &str = "copy_streams is the number of connections of a copy here, and parallel_copies the number of tables at once";
const NO_HANDLER: &str = "this handler is not in this version";
const STREAMED: &str = "events are streamed, never held in memory as a whole";
const FOLDED: &str = "repeated failures are folded into one log line here";

const fn key(name: &'static str, kind: KeyType, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        required: false,
        reload: true,
        effect: Effect::Full,
        help,
        example: "",
    }
}

impl Key {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn fixed(mut self) -> Self {
        self.reload = false;
        self
    }

    const fn old_name_of(mut self, name: &'static str) -> Self {
        self.effect = Effect::OldNameOf(name);
        self
    }

    const fn without_effect(mut self, reason: &'static str) -> Self {
        self.effect = Effect::None(reason);
        self
    }

    const fn example(mut self, text: &'static str) -> Self {
        self.example = text;
        self
    }
}

/// All keys, in the order of the sample file.
pub const LONDISTE_KEYS: &[KeyGroup] = &[
    KeyGroup {
        title: "The node",
        keys: &[
            key(
                "db",
                KeyType::ConnectString,
                "",
                "Database of this node: a libpq connect string or URI. PG* variables, ~/.pgpass and service files apply.",
            )
            .required()
            .example("dbname=shop host=127.0.0.1"),
            key(
                "queue_name",
                KeyType::Text,
                "",
                "Queue that carries the changes; the same for all nodes of a cascade.",
            )
            .required()
            .fixed()
            .example("replika"),
            key(
                "job_name",
                KeyType::Text,
                "",
                "Name in the log, and the name under which the node's worker is registered. Default: the name of \
                 this file without extension.",
            )
            .example("replika_root"),
            key(
                "consumer_name",
                KeyType::Text,
                "%(job_name)s",
                "Consumer name of the worker. It must stay what it was when the node was created.",
            )
            .fixed(),
            key(
                "remote_extra_connstr",
                KeyType::ConnectString,
                "",
                "Added to the connect string of every other node, for instance user= or sslmode=.",
            )
            .example("sslmode=verify-full"),
        ],
    },
    KeyGroup {
        title: "Node creation (create-root, create-branch, create-leaf); the command line wins",
        keys: &[
            key("node_name", KeyType::Text, "", "Name of the node.")
                .fixed()
                .example("node1"),
            key(
                "public_node_location",
                KeyType::ConnectString,
                "",
                "Connect string by which other nodes reach this one.",
            )
            .fixed()
            .example("dbname=shop host=db1.example.com"),
            key(
                "initial_provider_location",
                KeyType::ConnectString,
                "",
                "Connect string of the node to take changes from (create-branch, create-leaf).",
            )
            .fixed()
            .example("dbname=shop host=db0.example.com"),
        ],
    },
    KeyGroup {
        title: "The process",
        keys: &[
            key(
                "logfile",
                KeyType::File,
                "",
                "Log file; its directory must exist. Empty: log to standard error only.",
            )
            .fixed()
            .example("~/log/%(job_name)s.log"),
            key(
                "pidfile",
                KeyType::File,
                "",
                "Lock file with the process id. Needed by -d, -s, -k and -r.",
            )
            .example("~/pid/%(job_name)s.pid"),
            key(
                "loop_delay",
                KeyType::Float,
                "1.0",
                "Longest pause of an idle worker, in seconds; a notification of the ticker ends it at once. \
                 0: exit when there is nothing to do. Negative: run once.",
            ),
            key(
                "exception_sleep",
                KeyType::Seconds,
                "20",
                "Longest pause between attempts after an error, in seconds.",
            ),
            key(
                "connection_lifetime",
                KeyType::Seconds,
                "1200",
                "Age in seconds at which an idle connection is opened anew; 0: never.",
            )
            .fixed(),
            key(
                "config_format",
                KeyType::Integer,
                "1",
                "How this file refers to other keys. 1: %(key)s, and %% for a percent sign. \
                 2: ${key} or ${section:key}, and $$ for a dollar sign.",
            )
            .fixed(),
        ],
    },
    KeyGroup {
        title: "Tables",
        keys: &[
            key(
                "parallel_copies",
                KeyType::Integer,
                "1",
                "How many tables may get their initial copy at the same time.",
            ),
            key(
                "copy_streams",
                KeyType::Integer,
                "0",
                "Over how many connections the rows of one large table are copied. 0: 2, from 4 GB on 4.",
            ),
            key(
                "copy_chunk_size",
                KeyType::Size,
                "32 MB",
                "Parts in which a large table is copied. Each is committed by itself, so an interrupted copy goes on \
                 with those that lack. A table smaller than two of them is copied in one transaction: \
                 readers wait until it is whole. 0: so is every table.",
            ),
            key(
                "copy_snapshot_age",
                KeyType::Seconds,
                "3600",
                "How long the copy of a large table keeps one snapshot open on its source, where old row versions pile up \
                 meanwhile; then it goes on with a new one. 0: until all rows are in.",
            ),
            key(
                "copy_index_jobs",
                KeyType::Integer,
                "0",
                "How many indexes of a large table are built at once after its rows are in. 0: as many as copy_streams.",
            ),
            key(
                "threaded_copy_tables",
                KeyType::List,
                "",
                "Tables whose initial copy is loaded over several connections: names or shell patterns.",
            )
            .example("archive.*, public.orders")
            .without_effect(ONE_STREAM),
            key(
                "threaded_copy_pool_size",
                KeyType::Integer,
                "1",
                "Connections per such table; it also takes that many places of parallel_copies.",
            )
            .without_effect(ONE_STREAM),
            key(
                "on_error",
                KeyType::Text,
                "stop",
                "What the worker does with a row event that cannot be applied, for tables without a setting of their \
                 own (londiste on-error). stop: stand at its batch until the cause is repaired. park: put it and the \
                 later events of the same row aside, and go on (londiste parked).",
            ),
            key(
                "replay_without_role",
                KeyType::Boolean,
                "false",
                "Apply rows even where the role may not set session_replication_role (managed servers, PostgreSQL before 15 \
                 without a superuser). Foreign keys are then checked, and the tables' own triggers and rules fire, as for \
                 any other writer: drop or disable triggers here that repeat what the root has done already. Tables with \
                 foreign keys or triggers are applied change by change. The role has to own schema pgq or be a member of \
                 pgq_admin. Not for leaves that are merged into a combined root.",
            ),
            key(
                "local_only",
                KeyType::Boolean,
                "false",
                "Fetch only events of tables that this node has. For leaf nodes only.",
            ),
            key(
                "local_only_drop_execute",
                KeyType::Boolean,
                "false",
                "With local_only: do not fetch EXECUTE events either.",
            ),
            key(
                "register_only_tables",
                KeyType::List,
                "",
                "If set, only these tables may be registered (schema.table, exact names).",
            )
            .example("public.orders, public.items"),
            key(
                "register_only_seqs",
                KeyType::List,
                "",
                "If set, only these sequences may be registered.",
            )
            .example("public.orders_id_seq"),
            key(
                "register_skip_tables",
                KeyType::List,
                "",
                "Tables that are never registered.",
            )
            .example("public.scratch"),
            key(
                "register_skip_seqs",
                KeyType::List,
                "",
                "Sequences that are never registered.",
            )
            .example("public.scratch_id_seq"),
        ],
    },
    KeyGroup {
        title: "Handlers",
        keys: &[
            key(
                "handler_modules",
                KeyType::List,
                "",
                "Handler modules of Londiste 3. Its own ones are built in; any other name is refused.",
            )
            .example("londiste.handlers.dispatch"),
            key(
                "shard_hash_func",
                KeyType::Text,
                "partconf.get_hash_raw",
                "Handler shard: hash function.",
            )
            .without_effect(NO_HANDLER),
            key(
                "shard_info_sql",
                KeyType::Text,
                "select shard_nr, shard_mask, shard_count from partconf.conf",
                "Handler shard: query for number, mask and count of this shard.",
            )
            .without_effect(NO_HANDLER),
            key(
                "obfuscator_map",
                KeyType::File,
                "",
                "Handler obfuscate: YAML file with a rule per column.",
            )
            .example("/etc/skytools/obfuscate.yaml")
            .without_effect(NO_HANDLER),
            key("obfuscator_key", KeyType::Secret, "", "Handler obfuscate: key of the hash.")
            .without_effect(NO_HANDLER),
        ],
    },
    KeyGroup {
        title: "compare and repair",
        keys: &[
            key(
                "lock_timeout",
                KeyType::Float,
                "10",
                "compare, repair: how long a table may be locked, in seconds. add-table: limit of its statements. \
                 0 or less: no limit.",
            )
            .fixed(),
            key(
                "compare_sql",
                KeyType::Template,
                "",
                "Query that replaces the one of compare; _TABLE_ is the table, _COLS_ its columns. It must end \
                 in the table.",
            )
            .fixed()
            .example("select count(1) as cnt, sum(hashtext(_COLS_::text)::bigint) as chksum from only _TABLE_"),
            key(
                "compare_fmt",
                KeyType::Template,
                "",
                "How compare shows the columns of its query.",
            )
            .fixed()
            .example("%%(cnt)d rows, checksum=%%(chksum)s"),
        ],
    },
    KeyGroup {
        title: "Reading the queue",
        keys: &[
            key(
                "pgq_lazy_fetch",
                KeyType::Integer,
                "300",
                "Events per fetch where a batch is read through a cursor; 0: the whole batch at once.",
            )
            .without_effect(STREAMED),
            key(
                "pgq_batch_collect_events",
                KeyType::Integer,
                "0",
                "Join ticks into one batch until it has this many events; 0: do not wait for events.",
            ),
            key(
                "pgq_batch_collect_interval",
                KeyType::Interval,
                "",
                "Join ticks into one batch until it spans this time.",
            )
            .example("10 seconds"),
            key(
                "pgq_keep_lag",
                KeyType::Interval,
                "",
                "Stay this far behind the head of the queue.",
            )
            .example("1 hour"),
            key(
                "apply_memory",
                KeyType::Size,
                "256 MB",
                "Memory for events that are being replayed, in bytes or with a unit. A batch of any size passes under it.",
            ),
            key(
                "apply_set_rows",
                KeyType::Integer,
                "32",
                "So many events of one table, read together, are summed up per row and applied by a few statements for \
                 the whole table; fewer are applied one by one in their order. 0: always one by one.",
            ),
            key(
                "keepalive_stats",
                KeyType::Seconds,
                "300",
                "An idle worker logs its idle time this often, in seconds.",
            ),
            key(
                "global_wm_publish_period",
                KeyType::Seconds,
                "300",
                "Root: seconds between two global watermarks.",
            ),
            key(
                "local_wm_publish_period",
                KeyType::Seconds,
                "300",
                "Branch, leaf: seconds between two reports of the local watermark to the provider.",
            ),
        ],
    },
    KeyGroup {
        title: "Log",
        keys: &[
            key(
                "log_size",
                KeyType::Size,
                "10485760",
                "Size at which the log file is rotated, in bytes or with a unit (10 MB); 0: never.",
            )
            .fixed(),
            key(
                "log_count",
                KeyType::Integer,
                "3",
                "Rotated log files to keep (.1, .2, ...).",
            )
            .fixed(),
            key(
                "logfmt_file",
                KeyType::Template,
                "%%(asctime)s %%(process)s %%(levelname)s %%(message)s",
                "Form of a line in the log file. Fields: asctime, created, msecs, process, levelname, levelno, name, \
                 message, job_name, service_name, hostname, module, filename, lineno.",
            )
            .fixed(),
            key(
                "logdatefmt_file",
                KeyType::Template,
                "",
                "Form of asctime in the log file, as strftime. Default: 2026-01-31 12:00:00,123.",
            )
            .fixed()
            .example("%%Y-%%m-%%d %%H:%%M:%%S"),
            key(
                "logfmt_file_verbose",
                KeyType::Template,
                "",
                "Form of a line in the log file with -v. Default: logfmt_file.",
            )
            .fixed(),
            key(
                "logdatefmt_file_verbose",
                KeyType::Template,
                "",
                "Form of asctime in the log file with -v. Default: logdatefmt_file.",
            )
            .fixed(),
            key(
                "logfmt_console",
                KeyType::Template,
                "%%(asctime)s %%(process)s %%(levelname)s %%(message)s",
                "Form of a line on standard error.",
            )
            .fixed(),
            key(
                "logdatefmt_console",
                KeyType::Template,
                "",
                "Form of asctime on standard error.",
            )
            .fixed(),
            key(
                "logfmt_console_verbose",
                KeyType::Template,
                "",
                "Form of a line on standard error with -v. Default: logfmt_console.",
            )
            .fixed(),
            key(
                "logdatefmt_console_verbose",
                KeyType::Template,
                "",
                "Form of asctime on standard error with -v. Default: logdatefmt_console.",
            )
            .fixed(),
        ],
    },
    KeyGroup {
        title: "Old keys",
        keys: &[
            key("pgq_queue_name", KeyType::Text, "", "Old name of queue_name; wins when set.")
                .fixed()
                .old_name_of("queue_name"),
            key(
                "pgq_consumer_id",
                KeyType::Text,
                "",
                "Old name of consumer_name; wins when set.",
            )
            .fixed()
            .old_name_of("consumer_name"),
            key("table_filter", KeyType::List, "", "Never had an effect in Londiste.")
                .without_effect("use local_only, or remove the tables from this node"),
            key("pgq_autocommit", KeyType::Boolean, "0", "Reading in autocommit mode.")
                .without_effect("a batch is read by one statement"),
            key("use_skylog", KeyType::Integer, "0", "Take the log settings from skylog.ini: 1 or 2.")
                .without_effect(NO_SKYLOG),
            key("skylog_locations", KeyType::List, "", "Where skylog.ini is looked for.")
                .without_effect(NO_SKYLOG),
            key("exception_quiet", KeyType::List, "", "Errors to log briefly.").without_effect(FOLDED),
            key("exception_grace", KeyType::Seconds, "300", "For how long.").without_effect(FOLDED),
            key("exception_reset", KeyType::Seconds, "900", "When to forget a failure.")
                .without_effect(FOLDED),
            key("sql_retry", KeyType::Boolean, "false", "Repeat failed statements.")
                .without_effect(NO_RETRY_HELPER),
            key("sql_retry_max_count", KeyType::Integer, "10", "How often.").without_effect(NO_RETRY_HELPER),
            key("sql_retry_max_time", KeyType::Integer, "300", "For how long.").without_effect(NO_RETRY_HELPER),
            key("sql_retry_formula_a", KeyType::Float, "1", "Pause: fixed part.")
                .without_effect(NO_RETRY_HELPER),
            key("sql_retry_formula_b", KeyType::Float, "5", "Pause: growing part.")
                .without_effect(NO_RETRY_HELPER),
            key("sql_retry_formula_cap", KeyType::Float, "60", "Pause: limit.").without_effect(NO_RETRY_HELPER),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_explained() {
        let mut names = BTreeSet::new();
        for key in LONDISTE_KEYS.iter().flat_map(|group| group.keys) {
            assert!(names.insert(key.name), "{} is there twice", key.name);
            assert!(key.help.ends_with('.'), "{}", key.name);
            if let Effect::OldNameOf(name) = key.effect {
                assert!(names.contains(name), "{name}");
            }
        }
    }
}
