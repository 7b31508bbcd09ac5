//! The database side: schemas that a database needs, put in or brought up to date.
//!
//! The SQL under `sql/schema` is part of the program. A schema that exists and is not recorded as ours in
//! `londiste_rs.component` is the ancestor's and is used untouched; one of ours is run again when the program brings
//! another text for it, which changes nothing that is there already. Everything happens in one transaction; if the
//! process dies in the middle nothing has happened.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use tracing::{debug, info, warn};

use crate::error::{Error, Result};
use crate::pg::{Session, quote_literal};
use crate::sql;

static SCHEMA: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/sql/schema");

/// Components in the order of installation, each with those that it needs. All but one are schemas.
const ORDER: &[(&str, &[&str])] = &[
    ("londiste_rs", &[]),
    ("pgq", &["londiste_rs"]),
    ("pgq_ext", &["londiste_rs"]),
    ("pgq_coop", &["pgq"]),
    ("pgq_node", &["pgq"]),
    ("londiste", &["pgq_node"]),
    (LOGTRIGA, &["londiste_rs"]),
];

/// A trigger function in schema public, where databases and dumps have it.
const LOGTRIGA: &str = "logtriga";

/// The schema that holds the record.
const RECORD: &str = "londiste_rs";

/// Where every version string gets its order from.
const PACKAGE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// One schema, or trigger function, that the program can install.
#[derive(Debug)]
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// Version of the program and digest of the text: differs when the text differs.
    pub version: String,
    /// The whole text: tables, functions, last steps.
    pub sql: String,
    /// Names of its functions: those of the files.
    pub functions: Vec<String>,
}

/// What happens to one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is not there.
    Install,
    /// It is ours with another text.
    Upgrade,
    /// It is ours with this text.
    Keep,
    /// It is ours with this text, but its roles or grants are missing, as after a restore on another server.
    Grant,
    /// It is ours, put in by a newer program.
    KeepNewer,
    /// It is there and not ours.
    Foreign,
    /// It is there, plain SQL of the ancestor, and becomes ours.
    TakeOver,
    /// It would be installed or upgraded, but this user may not create in schema public.
    Skip,
}

impl Step {
    /// Whether the database is changed.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Install | Self::Upgrade | Self::Grant | Self::TakeOver)
    }
}

/// Everything that the program can install, in order.
pub fn components() -> &'static [Component] {
    static ALL: OnceLock<Vec<Component>> = OnceLock::new();
    ALL.get_or_init(|| {
        let named = ORDER
            .iter()
            .filter_map(|(name, _)| Some((*name, SCHEMA.get_dir(name)?)));
        named
            .map(|(name, dir)| {
                let sql = text_of(dir);
                let digest = Sha256::digest(sql.as_bytes());
                let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                Component {
                    name,
                    version: format!("{PACKAGE_VERSION}-{digest}"),
                    sql,
                    functions: function_files(dir)
                        .filter_map(|f| f.path().file_stem()?.to_str())
                        .map(str::to_owned)
                        .collect(),
                }
            })
            .collect()
    })
}

/// `schema.sql`, the functions by name, `finish.sql`.
fn text_of(dir: &Dir<'_>) -> String {
    let root = dir.path();
    let file = |name: &str| {
        dir.get_file(root.join(name))
            .and_then(include_dir::File::contents_utf8)
    };
    let mut functions: Vec<_> = function_files(dir).collect();
    functions.sort_by_key(|f| f.path());
    let parts = file("schema.sql")
        .into_iter()
        .chain(functions.into_iter().filter_map(include_dir::File::contents_utf8))
        .chain(file("finish.sql"));
    let mut text = String::new();
    for part in parts {
        text.push_str(part.trim_end());
        text.push_str("\n\n");
    }
    text
}

fn function_files<'a>(dir: &'a Dir<'a>) -> impl Iterator<Item = &'a include_dir::File<'a>> {
    dir.get_dir(dir.path().join("functions"))
        .into_iter()
        .flat_map(Dir::files)
        .filter(|f| f.path().extension().is_some_and(|e| e == "sql"))
}

/// The components named in `only` and what they need, in order; everything when `only` is empty.
pub fn select(only: &[String]) -> Result<Vec<&'static Component>> {
    let mut wanted: Vec<&str> = Vec::new();
    for name in only {
        if !components().iter().any(|c| c.name == name) {
            let names: Vec<&str> = components().iter().map(|c| c.name).collect();
            return Err(Error::usage(format!("there is no schema \"{name}\" to install"))
                .with_hint(format!("known are {}", names.join(", "))));
        }
        wanted.push(name);
    }
    // From the last to the first: what a wanted schema needs stands before it.
    for (name, needs) in ORDER.iter().rev() {
        if wanted.contains(name) {
            wanted.extend(*needs);
        }
    }
    Ok(components()
        .iter()
        .filter(|c| only.is_empty() || wanted.contains(&c.name))
        .collect())
}

/// What the database says of a component.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// It is there.
    pub present: bool,
    /// This user may write it.
    pub allowed: bool,
    /// Those who need it may use it, or this user cannot help them.
    pub granted: bool,
    /// It belongs to an extension.
    pub extension: bool,
}

/// What to do with a component, with the version recorded for it. `take_over` asks for those of the ancestor, too.
pub fn decide(found: Found, take_over: bool, recorded: Option<&str>, version: &str) -> Step {
    let Found {
        present,
        allowed,
        granted,
        extension,
    } = found;
    let step = match recorded {
        _ if !present => Step::Install,
        None if take_over && !extension => Step::TakeOver,
        None => Step::Foreign,
        Some(recorded) if recorded == version && granted => Step::Keep,
        Some(recorded) if recorded == version => Step::Grant,
        Some(recorded) if order_of(recorded) > order_of(version) => Step::KeepNewer,
        Some(_) => Step::Upgrade,
    };
    if step.is_change() && !allowed {
        Step::Skip
    } else {
        step
    }
}

/// The part of a version that has an order; a record without digest was made by hand and counts as old.
fn order_of(version: &str) -> Vec<u32> {
    match version.split_once('-') {
        Some((order, _)) => order.split('.').map(|n| n.parse().unwrap_or(0)).collect(),
        None => Vec::new(),
    }
}

/// How the recorded version of a schema of ours differs from the one that this program brings, in words; `None` when it
/// does not.
pub fn compare_version(name: &str, recorded: &str) -> Option<String> {
    let own = components().iter().find(|c| c.name == name)?;
    if own.version == recorded {
        return None;
    }
    let is = match order_of(recorded).cmp(&order_of(&own.version)) {
        Ordering::Greater => "newer than",
        Ordering::Less => "older than",
        Ordering::Equal => "not that of",
    };
    Some(format!("{name} {recorded} is {is} this program"))
}

/// Puts the schemas in or brings them up to date, in one transaction; tells what was done with each. With `take_over`
/// also those that the ancestor's plain SQL made; its extensions stay untouched.
pub async fn install(
    session: &mut Session,
    wanted: &[&'static Component],
    take_over: bool,
) -> Result<Vec<(&'static str, Step)>> {
    let plan = load_plan(&**session, wanted, take_over).await?;
    if !plan.iter().any(|(_, step)| step.is_change()) {
        for (name, step) in &plan {
            tell(name, *step);
        }
        return Ok(plan);
    }
    let target = session.target().to_owned();
    let transaction = session.transaction().await?;
    transaction.query_one(sql::install::LOCK_INSTALL, &[]).await?;
    // Somebody else may have installed before the lock was ours.
    let plan = load_plan(&transaction, wanted, take_over).await?;
    for (component, (_, step)) in wanted.iter().zip(&plan) {
        tell(component.name, *step);
        if step.is_change() {
            let failed = |e: tokio_postgres::Error| {
                let error = Error::from(e).context(format!("schema {} cannot be installed", component.name));
                if error.sqlstate() == Some("42501") {
                    return error.with_hint(format!(
                        "install as the owner of the database or a superuser, for instance with \
                         \"londiste install CONNSTR\" ({target})"
                    ));
                }
                error
            };
            if *step == Step::TakeOver {
                let functions: Vec<&str> = component.functions.iter().map(String::as_str).collect();
                let row = transaction
                    .query_one(sql::install::DROP_FUNCTIONS_SQL, &[&component.name, &functions])
                    .await
                    .map_err(failed)?;
                transaction.batch_execute(row.get(0)).await.map_err(failed)?;
            }
            transaction.batch_execute(&component.sql).await.map_err(failed)?;
            transaction
                .execute(
                    sql::install::MARK_COMPONENT,
                    &[&component.name, &component.version],
                )
                .await
                .map_err(failed)?;
        }
    }
    transaction.commit().await?;
    Ok(plan)
}

async fn load_plan(
    client: &impl tokio_postgres::GenericClient,
    wanted: &[&'static Component],
    take_over: bool,
) -> Result<Vec<(&'static str, Step)>> {
    let names: Vec<&str> = wanted.iter().map(|c| c.name).collect();
    let rows = client.query(sql::install::LOAD_COMPONENTS, &[&names]).await?;
    let found: BTreeMap<String, Found> = rows
        .iter()
        .map(|row| {
            let found = Found {
                present: row.get("present"),
                allowed: row.get("allowed"),
                granted: row.get("granted"),
                extension: row.get("extension"),
            };
            (row.get("name"), found)
        })
        .collect();
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    if rows.iter().any(|row| row.get("has_record")) {
        for row in client.query(sql::install::LOAD_VERSIONS, &[]).await? {
            versions.insert(row.get("schema_name"), row.get("version"));
        }
    }
    Ok(wanted
        .iter()
        .map(|component| {
            let recorded = versions.get(component.name).map(String::as_str);
            let step = match decide(found[component.name], take_over, recorded, &component.version) {
                // The record itself was lost; nobody else has a schema of that name.
                Step::Foreign | Step::TakeOver if component.name == RECORD => Step::Upgrade,
                step => step,
            };
            (component.name, step)
        })
        .collect())
}

/// Ancestor: "Installing X", "X is installed".
fn tell(name: &str, step: Step) {
    match step {
        Step::Install => info!("Installing {name}"),
        Step::Upgrade => info!("Upgrading {name}"),
        Step::TakeOver => info!("Taking over {name}"),
        Step::Keep => info!("{name} is installed"),
        Step::Grant => info!("Restoring roles and grants of {name}"),
        Step::Skip => warn!("{name} is left as it is: this user may not create functions in schema public"),
        Step::KeepNewer => warn!("{name} is installed by a newer londiste, left as it is"),
        Step::Foreign => {
            info!("{name} is installed");
            debug!("{name} is the ancestor's and stays untouched");
        }
    }
}

/// SQL that does what [`install`] does, for psql or any other client: one transaction, each schema behind the same
/// question, so that it may be run again and never touches what the ancestor installed.
pub fn script(wanted: &[&'static Component]) -> String {
    let mut out = format!(
        "-- Database side of londiste {PACKAGE_VERSION}. May be run again: what is there is left alone.\n\
         begin;\nset local client_min_messages = warning;\nset local client_encoding = 'UTF8';\n"
    );
    for component in wanted {
        let name = quote_literal(component.name);
        let version = quote_literal(&component.version);
        let (there, allowed) = if component.name == LOGTRIGA {
            (
                "select 1 where pg_catalog.to_regprocedure('public.logtriga()') is not null".to_owned(),
                " and exists (select 1 from pg_catalog.pg_namespace where nspname = 'public' \
                 and pg_catalog.has_schema_privilege(oid, 'create'))",
            )
        } else {
            (
                format!("select 1 from pg_catalog.pg_namespace where nspname = {name}"),
                "",
            )
        };
        let order: Vec<String> = order_of(&component.version).iter().map(u32::to_string).collect();
        let mark = sql::install::MARK_COMPONENT
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect::<Vec<_>>()
            .join("\n")
            .replace("$1", &name)
            .replace("$2", &version);
        out.push_str(&format!(
            "\n-- {}\ndo $londiste_install$\ndeclare\n    wanted bool := true;\nbegin\n    \
             if pg_catalog.to_regclass('londiste_rs.component') is not null then\n        \
             wanted := (not exists ({there})\n            \
             or exists (select 1 from londiste_rs.component c\n                \
             where c.schema_name = {name} and c.version <> {version}\n                  \
             and (c.version not like '%-%'\n                       \
             or pg_catalog.string_to_array(pg_catalog.split_part(c.version, '-', 1), '.')::int4[] <= '{{{}}}'))){allowed};\n    \
             end if;\n    if wanted then\n        execute $londiste_text$\n{}\n{mark};\n$londiste_text$;\n    \
             end if;\nend;\n$londiste_install$;\n",
            component.name,
            order.join(","),
            component.sql.trim_end()
        ));
    }
    out.push_str("\ncommit;\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_brings_what_it_needs() {
        let names = |only: &[&str]| -> Vec<&str> {
            let only: Vec<String> = only.iter().map(|&n| n.to_owned()).collect();
            select(&only).unwrap().iter().map(|c| c.name).collect()
        };
        assert_eq!(names(&["pgq"]), ["londiste_rs", "pgq"]);
        assert_eq!(names(&["pgq_node"]), ["londiste_rs", "pgq", "pgq_node"]);
        assert_eq!(names(&["logtriga"]), ["londiste_rs", "logtriga"]);
        assert!(select(&["nope".to_owned()]).is_err());
    }

    #[test]
    fn only_our_own_older_schemas_are_touched() {
        let decide = |present, recorded, version| {
            let found = Found {
                present,
                allowed: true,
                granted: true,
                extension: false,
            };
            super::decide(found, false, recorded, version)
        };
        assert_eq!(decide(false, None, "0.1.0-aa"), Step::Install);
        assert_eq!(decide(true, None, "0.1.0-aa"), Step::Foreign);
        assert_eq!(decide(true, Some("0.1.0-aa"), "0.1.0-aa"), Step::Keep);
        assert_eq!(decide(true, Some("0.1.0-bb"), "0.1.0-aa"), Step::Upgrade);
        assert_eq!(decide(true, Some("1"), "0.1.0-aa"), Step::Upgrade);
        assert_eq!(decide(true, Some("0.9.0-bb"), "0.10.0-aa"), Step::Upgrade);
        assert_eq!(decide(true, Some("0.10.0-bb"), "0.9.0-aa"), Step::KeepNewer);
    }

    #[test]
    fn grants_come_back_and_what_may_not_be_written_stays() {
        let decide = |(present, allowed, granted), recorded| {
            let found = Found {
                present,
                allowed,
                granted,
                extension: false,
            };
            super::decide(found, false, recorded, "1.0.0-a")
        };
        assert_eq!(decide((true, true, false), Some("1.0.0-a")), Step::Grant);
        assert_eq!(decide((true, true, false), None), Step::Foreign);
        assert_eq!(decide((false, false, true), None), Step::Skip);
        assert_eq!(decide((true, false, true), Some("0.9.0-a")), Step::Skip);
    }

    #[test]
    fn only_plain_schemas_are_taken_over_and_only_when_asked() {
        let found = |extension| Found {
            present: true,
            allowed: true,
            granted: true,
            extension,
        };
        assert_eq!(decide(found(false), true, None, "1.0.0-a"), Step::TakeOver);
        assert_eq!(decide(found(false), false, None, "1.0.0-a"), Step::Foreign);
        assert_eq!(decide(found(true), true, None, "1.0.0-a"), Step::Foreign);
        assert_eq!(decide(found(false), true, Some("1.0.0-a"), "1.0.0-a"), Step::Keep);
    }

    #[test]
    fn every_schema_of_the_tree_is_known() {
        for dir in SCHEMA.dirs() {
            let name = dir.path().to_str().unwrap();
            assert!(ORDER.iter().any(|(known, _)| *known == name), "{name}");
        }
        for component in components() {
            assert!(!component.sql.contains("$londiste_"), "{}", component.name);
        }
    }
}
