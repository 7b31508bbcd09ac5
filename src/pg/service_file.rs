//! `pg_service.conf`: sections of connection parameters (PostgreSQL manual, "The Connection Service File").

use std::fs;
use std::path::{Path, PathBuf};

use super::conninfo::keyword::{self, Keyword};
use super::resolve::Surroundings;
use crate::error::{Error, Result};

/// The parameters of service `name`. The user's file comes first, then the system's; the first one that has the
/// service decides.
pub(super) fn load(
    name: &str,
    explicit: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Vec<(&'static Keyword, String)>> {
    let mut files = Vec::new();
    match explicit {
        Some(path) if !path.is_empty() => {
            if !Path::new(path).is_file() {
                return Err(Error::config(format!("service file \"{path}\" not found"))
                    .with_detail(format!("it was to define the service \"{name}\"")));
            }
            files.push(PathBuf::from(path));
        }
        _ => files.extend(surroundings.home().map(|home| home.join(".pg_service.conf"))),
    }
    files.extend(system_file(surroundings));
    for file in &files {
        let Ok(bytes) = fs::read(file) else { continue };
        if let Some(found) = section(&String::from_utf8_lossy(&bytes), name, file)? {
            return Ok(found);
        }
    }
    let looked: Vec<String> = files.iter().map(|f| format!("\"{}\"", f.display())).collect();
    Err(
        Error::config(format!("definition of service \"{name}\" not found"))
            .with_detail(format!("looked in {}", looked.join(", ")))
            .with_hint("add a section [service name] to one of these files, or set PGSERVICEFILE"),
    )
}

fn system_file(surroundings: &Surroundings) -> Option<PathBuf> {
    match surroundings.var("PGSYSCONFDIR") {
        Some(dir) => Some(PathBuf::from(dir).join("pg_service.conf")),
        // Debian's directory, then the one of a build from source.
        None => ["/etc/postgresql-common", "/usr/local/pgsql/etc"]
            .iter()
            .map(|dir| Path::new(dir).join("pg_service.conf"))
            .find(|file| file.is_file()),
    }
}

fn section(text: &str, name: &str, file: &Path) -> Result<Option<Vec<(&'static Keyword, String)>>> {
    let mut found = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if heading.strip_suffix(']') == Some(name) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(params) = &mut found else { continue };
        let place = || format!("service file \"{}\", line {}", file.display(), number + 1);
        let Some((key, value)) = line.split_once('=') else {
            return Err(Error::config(format!(
                "{}: a line \"keyword=value\" is expected",
                place()
            )));
        };
        let key = keyword::find(key).map_err(|e| e.context(place()))?;
        if matches!(key.name, "service" | "servicefile") {
            return Err(Error::config(format!(
                "{}: \"{}\" is not allowed here",
                place(),
                key.name
            )));
        }
        // The first of two equal keys wins, as in libpq.
        if !params
            .iter()
            .any(|(k, _): &(&Keyword, String)| k.name == key.name)
        {
            params.push((key, value.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> Result<Option<Vec<(&'static str, String)>>> {
        let found = section(text, name, Path::new("pg_service.conf"))?;
        Ok(found.map(|params| params.into_iter().map(|(k, v)| (k.name, v)).collect()))
    }

    #[test]
    fn a_section_is_found() {
        let text = "# all\n[one]\nhost=a\nport=1\n\n[two]\nhost=b c\nhost=d\n[two]\nuser=x\n";
        assert_eq!(
            read(text, "one").unwrap().unwrap(),
            [("host", "a".to_owned()), ("port", "1".to_owned())]
        );
        assert_eq!(read(text, "two").unwrap().unwrap(), [("host", "b c".to_owned())]);
        assert_eq!(read(text, "three").unwrap(), None);
    }

    #[test]
    fn errors_name_file_and_line() {
        for (line, message) in [
            (
                "hst=x",
                "service file \"pg_service.conf\", line 2: unknown connection parameter \"hst\"",
            ),
            (
                "password",
                "service file \"pg_service.conf\", line 2: a line \"keyword=value\" is expected",
            ),
            (
                "service=x",
                "service file \"pg_service.conf\", line 2: \"service\" is not allowed here",
            ),
        ] {
            assert_eq!(
                read(&format!("[a]\n{line}\n"), "a").unwrap_err().message(),
                message
            );
        }
    }
}
